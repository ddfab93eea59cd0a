package main

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/kofo-network/kofo/internal/rescue"
)

// answerReader reads what was typed in, and keeps the first error.
type answerReader struct {
	answers map[string]*string
	err     error
}

func (r *answerReader) text(name string) string {
	if answer := r.answers[name]; answer != nil {
		return strings.TrimSpace(*answer)
	}
	return ""
}

func (r *answerReader) refuse(name string, err error) {
	if err != nil && r.err == nil {
		r.err = usage("--%s: %v", name, err)
	}
}

func (r *answerReader) number(name string, bits int) uint64 {
	text := r.text(name)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, bits)
	if err != nil {
		err = fmt.Errorf("%q is no whole number", text)
	}
	r.refuse(name, err)
	return n
}

func (r *answerReader) decimal(name string) float64 {
	text := r.text(name)
	if text == "" {
		return 0
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || v < 0 || v > 1e6 {
		r.refuse(name, fmt.Errorf("%q is no feerate", text))
		return 0
	}
	return v
}

func (r *answerReader) whole(name string) *big.Int {
	text := r.text(name)
	if text == "" {
		return nil
	}
	v, ok := new(big.Int).SetString(text, 10)
	if !ok || v.Sign() < 0 {
		r.refuse(name, fmt.Errorf("%q is no whole number", text))
		return nil
	}
	return v
}

// gwei reads a decimal number of gwei as wei.
func (r *answerReader) gwei(name string) *big.Int {
	text := r.text(name)
	if text == "" {
		return nil
	}
	v, ok := new(big.Rat).SetString(text)
	if !ok || v.Sign() < 0 || len(text) > 40 || strings.ContainsAny(text, "eE/") {
		r.refuse(name, fmt.Errorf("%q is no number of gwei", text))
		return nil
	}
	wei := v.Mul(v, big.NewRat(1_000_000_000, 1))
	return new(big.Int).Quo(wei.Num(), wei.Denom())
}

func (r *answerReader) time(name string) int64 {
	text := r.text(name)
	if text == "" {
		return 0
	}
	at, err := readClock(text)
	r.refuse(name, err)
	return at
}

func utc(at int64) string { return time.Unix(at, 0).UTC().Format("2006-01-02 15:04:05 UTC") }

func (a *app) sayRescueSheet(s rescue.Sheet) {
	role := "participant: the secret is the other party's"
	if s.Initiator {
		role = "initiator: the secret derives from your seed"
	}
	a.say("Swap          %s\nYou           party %s\n              %s\nSecret hash   %s (SHA-256)\n", s.Swap, s.Party, role, s.SecretHash)
	if s.Initiator {
		a.say("Cut-off       %s, by the clock of the chain that pays you: never show the secret later\n", utc(s.CutOff))
	}
	for _, l := range s.Legs {
		a.sayRescueLeg(l)
	}
}

func (a *app) sayRescueLeg(l rescue.LegSheet) {
	whose := "pays you"
	if l.Ours {
		whose = "you pay"
	}
	a.say("\nLeg %d, which %s: %s of %s\n", l.Index, whose, l.Amount, l.Asset)
	row := func(name, value string) { a.say("  %-16s %s\n", name, value) }
	row("chain", l.Chain)
	row("fund by", utc(l.FundBy))
	row("time lock", utc(l.TimeLock)+", "+strconv.FormatInt(l.TimeLock, 10))
	row("confirmations", fmt.Sprintf("%d count as final", l.MinConfirmations))
	if b := l.Bitcoin; b != nil {
		row("address", b.Address)
		row("amount", fmt.Sprintf("%d satoshi", b.Satoshi))
		row("output script", b.Script)
		row("redeem script", b.RedeemScript)
		row("refund script", b.RefundScript)
		row("internal key", b.InternalKey)
		row("payer's key", b.PayerKey+yours(b.Payer))
		row("payee's key", b.PayeeKey+yours(b.Payee))
		row("pays out to", b.Payout)
	}
	if e := l.EVM; e != nil {
		row("deployment", e.Deployment)
		row("contract id", e.ID)
		row("storage slot", e.Slot+"  (holds the id while the contract is open)")
		row("lane, sequence", fmt.Sprintf("%d, %d", e.Lane, e.Sequence))
		row("payer", e.Payer+yours(e.OfOwner))
		row("payee", e.Payee+yours(e.PaysAccount))
		if e.Token != "" {
			row("token", e.Token)
		}
		row("your account", e.Account)
	}
}

func yours(own bool) string {
	if own {
		return "  (yours)"
	}
	return ""
}

func (a *app) sayRescued(s rescue.Spend, sent bool) {
	a.say("\n%s%s on %s\n", strings.ToUpper(s.Kind[:1]), s.Kind[1:], s.Chain)
	a.say("  transaction id   %s\n", s.TxID)
	if s.VSize > 0 {
		a.say("  fee              %s satoshi for %d vbytes\n", s.Fee, s.VSize)
	} else {
		a.say("  fee              %s wei at most, for %d gas at most\n", s.Fee, s.GasLimit)
	}
	earliest := "now"
	if s.Earliest > 0 {
		earliest = "when the chain's clock is at " + utc(s.Earliest)
	}
	a.say("  can be sent      %s\n", earliest)
	for _, w := range s.Warnings {
		a.tell(noteIndent, "  ! %s", w)
	}
	if sent {
		a.say("\nThe node has taken it.\n")
		return
	}
	a.say("\nHand these bytes to any node or block explorer that broadcasts:\n%s\n", s.Raw)
}
