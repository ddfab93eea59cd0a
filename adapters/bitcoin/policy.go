package bitcoin

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
)

// maxOffers bounds how often one call asks the node whether a fee is enough. A
// node that does not say what it wants is offered twice as much each time.
const maxOffers = 20

// acceptable raises a spend's fee to what the node takes for it now, as far as
// top. Other transactions may spend the contract in its mempool, with whatever
// hangs on them: a replacement pays more than all of that (BIP-125), which no
// feerate of the market tells. refused is set where top is below what the node
// relays at all.
func (a *Adapter) acceptable(ctx context.Context, s spending, fee, top int64, now prices) (_ int64, refused bool, err error) {
	dummy, err := s.dummy()
	if err != nil {
		return 0, false, err
	}
	size := virtualSize(s.unsigned(0))
	for range maxOffers {
		probe, err := a.finish(dummy.unsigned(fee), fee)
		if err != nil {
			return 0, false, err
		}
		wanted, reason, err := a.ask(ctx, probe, fee, size)
		if err != nil {
			return 0, false, err
		}
		switch reason {
		case "REPLACEMENT_UNDERPRICED":
			rival, err := a.rivalFees(ctx, s.point, size)
			if err != nil {
				return 0, false, err
			}
			if rival > 0 {
				wanted = max(rival+feeFor(now.step, size), fee+1)
			}
		case "FEE_TOO_LOW":
			if relay := feeFor(now.relay, size); relay > fee {
				wanted = relay
			}
		}
		if wanted <= fee || fee >= top {
			return fee, wanted > fee && reason == "FEE_TOO_LOW", nil
		}
		fee = min(wanted, top)
	}
	return fee, false, nil
}

// dummy is the spend with another secret and no signature. It is what a node is
// asked about: its rules are applied before scripts are run, so that it says all
// that it has against the real one, without having seen the secret.
func (s spending) dummy() (spending, error) {
	if s.secret == nil {
		return s, nil
	}
	secret, err := dummySecret()
	if err != nil {
		return s, err
	}
	raw := secret.Reveal()
	s.secret = raw[:]
	return s, nil
}

// rivalFees is what transactions that spend the output in the node's mempool pay,
// with all that hangs on them; a replacement's feerate has to be above each one's
// own too. Zero where there is none, or where the node does not tell.
func (a *Adapter) rivalFees(ctx context.Context, point wire.OutPoint, size uint64) (int64, error) {
	rival, known := a.pool.spender(point)
	if !known {
		if err := a.refreshPool(ctx); err != nil {
			return 0, err
		}
		if rival, known = a.pool.spender(point); !known {
			return 0, nil
		}
	}
	entry, err := a.mempoolEntry(ctx, rival)
	if err != nil || entry.Size == 0 {
		return 0, err
	}
	return max(int64(entry.Fees.Descendant), feeFor(rateOf(int64(entry.Fees.Base), entry.Size)+1, size)), nil
}

// spender finds the waiting transaction that spends an output.
func (p *pool) spender(point wire.OutPoint) (chainhash.Hash, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for txid, kept := range p.txs {
		if kept.tx == nil {
			continue
		}
		for _, in := range kept.tx.TxIn {
			if in.PreviousOutPoint == point {
				return txid, true
			}
		}
	}
	return chainhash.Hash{}, false
}

// poolEntry is what a node says of a waiting transaction; zero where it does not
// wait or the node does not tell.
type poolEntry struct {
	Size uint64 `json:"vsize"`
	Fees struct {
		Base       coinValue `json:"base"`
		Descendant coinValue `json:"descendant"`
	} `json:"fees"`
}

func (a *Adapter) mempoolEntry(ctx context.Context, txid chainhash.Hash) (poolEntry, error) {
	var entry poolEntry
	err := a.node.call(ctx, "getmempoolentry", &entry, txid.String())
	var refused *rpcError
	if errors.As(err, &refused) {
		return poolEntry{}, nil
	}
	return entry, err
}

// testAccept asks the node what it would say to a transaction that holds no
// secret; a node without the question is believed to say yes.
func (a *Adapter) testAccept(ctx context.Context, tx adapters.Tx) error {
	var replies []struct {
		Allowed bool   `json:"allowed"`
		Reason  string `json:"reject-reason"`
	}
	err := a.node.call(ctx, "testmempoolaccept", &replies, []string{hex.EncodeToString(tx.Raw)}, coinsPerKilobyte)
	var refused *rpcError
	if errors.As(err, &refused) {
		if refused.Code == codeMethodNotFound {
			return nil
		}
		return judge("test "+tx.ID, refused.Message)
	}
	if err != nil {
		return err
	}
	if len(replies) != 1 {
		return unreachable("test "+tx.ID, fmt.Errorf("%d answers to one question", len(replies)))
	}
	if replies[0].Allowed {
		return nil
	}
	return judge("test "+tx.ID, replies[0].Reason)
}

// coinsPerKilobyte is the highest feerate that a node shall take from us, in
// whole coins for 1,000 virtual bytes: the limit of sanity, which our own prices
// keep. Without it Core's dialect refuses a tenth of it, and with that what is
// paid for a leg of much value at its deadline.
const coinsPerKilobyte = maxFeeRate / 100_000_000

// askTime bounds a question whose answer only saves a refusal.
const askTime = 3 * time.Second

// ask is the fee that the node wants for a payment of some size, at most the one
// that it has where the node takes it, has it, or minds something else. The
// reason is that of a refusal for the fee.
func (a *Adapter) ask(ctx context.Context, tx adapters.Tx, fee int64, size uint64) (wanted int64, reason string, err error) {
	asking, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	err = a.testAccept(asking, tx)
	if err != nil && ctx.Err() == nil && asking.Err() != nil {
		return 0, "", nil
	}
	var refused *adapters.Error
	if !errors.As(err, &refused) {
		return 0, "", err
	}
	switch refused.Reason {
	case "REPLACEMENT_UNDERPRICED", "FEE_TOO_LOW":
		return wantedBy(refused.Err.Error(), fee, size), refused.Reason, nil
	case "WRONG_CHAIN":
		return 0, "", err
	default:
		// More money does not help, or nobody answers this question: there are
		// nodes that do not. Broadcast tells, and a redeem is not held back.
		return 0, "", nil
	}
}

// btcdWants is how btcd refuses a replacement.
var btcdWants = regexp.MustCompile(`insufficient (absolute fee|fee rate): needs (?:more than )?([0-9]{1,15})\b`)

// wantedBy reads what a refusal asks for; where it does not say, twice as much.
func wantedBy(says string, fee int64, size uint64) int64 {
	found := btcdWants.FindStringSubmatch(says)
	if found == nil {
		return min(2*fee, math.MaxInt64/2)
	}
	wants, err := strconv.ParseUint(found[2], 10, 63)
	switch {
	case err != nil:
		return 2 * fee
	case found[1] == "fee rate":
		return max(feeFor(min(wants, maxFeeRate)+1, size), fee+1)
	default:
		return max(int64(wants), fee+1)
	}
}
