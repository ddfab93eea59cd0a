package main

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/kofo-network/kofo/internal/rescue"
)

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
		row("lane, sequence", fmt.Sprintf("%d, %d", e.Lane, e.Sequence))
		row("while open", fmt.Sprintf("slot(payer, lane) of the deployment gives the id, as a number: %s", asNumber(e.ID)))
		row("storage slot", e.Slot+"  (holds the id too)")
		row("payer", e.Payer+yours(e.OfOwner))
		row("payee", e.Payee+yours(e.PaysAccount))
		if e.Token != "" {
			row("token", e.Token)
		}
		row("your account", e.Account)
	}
}

// asNumber writes a word as the page of an explorer shows it.
func asNumber(word string) string {
	n, ok := new(big.Int).SetString(strings.TrimPrefix(word, "0x"), 16)
	if !ok {
		return word
	}
	return n.String()
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
	unit, decimals := "satoshi", 8
	cost := fmt.Sprintf("for %d vbytes", s.VSize)
	if s.GasLimit > 0 {
		unit, decimals = "wei", 18
		cost = fmt.Sprintf("at most, for %d gas at most", s.GasLimit)
	}
	for _, p := range s.Pays {
		amount := p.Amount + " base units of " + p.Asset
		if strings.Contains(p.Asset, "/slip44:") {
			amount = fmt.Sprintf("%s (%s %s)", inCoins(p.Amount, decimals, s.Coin), p.Amount, unit)
		}
		a.say("  pays             %s\n                   to %s%s\n", amount, p.To, yours(p.Own))
	}
	a.say("  fee              %s (%s %s) %s\n", inCoins(s.Fee, decimals, s.Coin), s.Fee, unit, cost)
	valid := "now, while the contract is unspent"
	if s.Earliest > 0 {
		valid = "when the chain's clock is at " + utc(s.Earliest)
	}
	a.say("  can be sent      %s\n", valid)
	if s.PayerRefunds > 0 {
		a.say("  must be in       before the chain's clock is at %s: from then on the payer can refund\n", utc(s.PayerRefunds))
	}
	for _, w := range s.Warnings {
		a.tell(noteIndent, "  ! %s", w)
	}
	if sent {
		a.say("\nThe node has taken it.\n")
		return
	}
	a.say("\nThe transaction:\n\n%s\n\n", s.Raw)
	a.tell(0, "To broadcast it, paste it into the page of a block explorer of this chain that sends raw transactions (\"broadcast\" or \"push transaction\"), "+
		"or hand it to a node of the chain: its call %s takes it. A page or node that says it is known already has it.", s.Method)
}

// inCoins writes base units as coins, all digits that count.
func inCoins(base string, decimals int, coin string) string {
	if len(base) <= decimals {
		base = strings.Repeat("0", decimals+1-len(base)) + base
	}
	whole, part := base[:len(base)-decimals], strings.TrimRight(base[len(base)-decimals:], "0")
	if part != "" {
		whole += "." + part
	}
	return whole + " " + coin
}
