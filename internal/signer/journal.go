package signer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/kofo-network/kofo/htlc"
)

// maxLine bounds one entry of the journal.
const maxLine = 64 << 10

// day is what a limit by day looks back on.
const day = 24 * time.Hour

// ErrJournal is returned for a journal that cannot be what this program wrote.
var ErrJournal = errors.New("the signer's journal is damaged")

// entry is one line: what was let go, and for which Terms.
type entry struct {
	At time.Time `json:"at"`
	// Key names what was let go; the same key counts once.
	Key    string       `json:"key"`
	Asset  htlc.AssetID `json:"asset"`
	Amount htlc.Amount  `json:"amount"`
	// Contract and Swap are set where the entry lets a leg be funded. Contract is
	// the leg's id on its chain.
	Contract string `json:"contract,omitempty"`
	Swap     string `json:"swap,omitempty"`
	// Incoming is the leg that pays the party.
	Incoming *leg `json:"incoming,omitempty"`
	// Coins are those that every funding of a contract has spent, so that no two
	// of them can be mined.
	Coins []string `json:"coins,omitempty"`
}

// leg is the contract of one, and what it pays.
type leg struct {
	Contract string       `json:"contract"`
	Asset    htlc.AssetID `json:"asset"`
	Amount   htlc.Amount  `json:"amount"`
}

// Journal remembers, over restarts, which Terms were signed and how much was let
// go. What it has returned nil for is on disk.
type Journal struct {
	mu      sync.Mutex
	file    *os.File
	broken  error
	entries map[string]entry
	paid    map[string]bool   // contracts that the party may fund
	legs    map[string]leg    // contracts of signed Terms, either way
	swaps   map[string]string // the contract that each pays
}

// OpenJournal reads a journal, or begins one. One process has it at a time: the
// caller holds a lock.
func OpenJournal(path string) (*Journal, error) {
	_, err := os.Stat(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	j := &Journal{file: file, entries: map[string]entry{}, paid: map[string]bool{}, legs: map[string]leg{}, swaps: map[string]string{}}
	if err = j.read(); err == nil && fresh {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return j, nil
}

// read takes every whole line. A last line without its end is a write that was
// cut off, so nothing was signed for it.
func (j *Journal) read() error {
	r := bufio.NewReaderSize(j.file, maxLine)
	var good int64
	for {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrJournal, err)
		}
		var e entry
		if err := json.Unmarshal(line, &e); err != nil || e.Key == "" {
			return fmt.Errorf("%w: at byte %d", ErrJournal, good)
		}
		j.learn(e)
		good += int64(len(line))
	}
	if err := j.file.Truncate(good); err != nil {
		return fmt.Errorf("cut the journal: %w", err)
	}
	_, err := j.file.Seek(good, io.SeekStart)
	return err
}

func (j *Journal) learn(e entry) {
	j.entries[e.Key] = e
	if e.Contract != "" {
		j.paid[e.Contract] = true
		j.legs[e.Contract] = leg{Contract: e.Contract, Asset: e.Asset, Amount: e.Amount}
	}
	if e.Incoming != nil {
		j.legs[e.Incoming.Contract] = *e.Incoming
	}
	if e.Swap != "" {
		j.swaps[e.Swap] = e.Contract
	}
}

// Close ends it.
func (j *Journal) Close() error { return j.file.Close() }

// take writes e down, unless its key stands there with as much, or the limit is
// passed.
func (j *Journal) take(e entry, limit Limit) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return j.broken
	}
	old, known := j.entries[e.Key]
	if known && old.Asset == e.Asset && old.Amount.Cmp(e.Amount) >= 0 {
		return nil
	}
	if err := j.within(e, limit); err != nil {
		return err
	}
	return j.write(e)
}

// bind lets a contract be funded by coins, unless another funding of it could be
// mined beside this one.
func (j *Journal) bind(contract string, coins []string, at time.Time) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return j.broken
	}
	e := entry{At: at, Key: "fund " + contract, Coins: slices.Clone(coins)}
	if old, known := j.entries[e.Key]; known {
		e.Coins = slices.DeleteFunc(e.Coins, func(c string) bool { return !slices.Contains(old.Coins, c) })
		if len(e.Coins) == 0 {
			return refuse("sign a funding", "it has signed another one of the contract, with other coins")
		}
		if len(e.Coins) == len(old.Coins) {
			return nil
		}
	}
	return j.write(e)
}

func (j *Journal) write(e entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	line = append(bytes.TrimSpace(line), '\n')
	if len(line) > maxLine {
		return fmt.Errorf("%w: an entry of %d bytes", ErrJournal, len(line))
	}
	if _, err = j.file.Write(line); err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		// Nobody knows what is on disk now: another line might continue half of one.
		j.broken = fmt.Errorf("write the journal, start the signer again: %w", err)
		return j.broken
	}
	j.learn(e)
	return nil
}

// within refuses what would pass the limit of any 24 hours.
func (j *Journal) within(e entry, limit Limit) error {
	op := fmt.Sprintf("let go %s of %s", e.Amount, e.Asset)
	if !limit.PerCall.IsZero() && e.Amount.Cmp(limit.PerCall) > 0 {
		return refuse(op, "at most %s at once", limit.PerCall)
	}
	if limit.PerDay.IsZero() {
		return nil
	}
	sum := e.Amount.Big()
	for key, old := range j.entries {
		if key != e.Key && old.Asset == e.Asset && e.At.Sub(old.At) < day {
			sum.Add(sum, old.Amount.Big())
		}
	}
	if sum.Cmp(limit.PerDay.Big()) > 0 {
		return refuse(op, "with what went before it makes %s in 24 hours, at most %s may go", sum, limit.PerDay)
	}
	return nil
}

// funds reports whether Terms were signed of which the contract is a leg to pay.
func (j *Journal) funds(contract string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.paid[contract]
}

// contract is what is known of a contract of Terms that were signed.
func (j *Journal) contract(id string) (leg, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	found, known := j.legs[id]
	return found, known
}

// signed reports whether the Terms were signed.
func (j *Journal) signed(swap htlc.SwapID) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	_, known := j.swaps[swap.String()]
	return known
}

// noted reports whether an entry stands under the key.
func (j *Journal) noted(key string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	_, known := j.entries[key]
	return known
}

// pays reports whether these very Terms were signed, and the contract is what
// they pay. In the Bitcoin family other Terms may have the same contract, with
// another amount.
func (j *Journal) pays(swap htlc.SwapID, contract string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	pays, known := j.swaps[swap.String()]
	return known && pays == contract
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open the journal's folder: %w", err)
	}
	return errors.Join(folder.Sync(), folder.Close())
}
