package htlc_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/kofo-network/kofo/htlc"
)

// A script reads like the log of a swap: each line is an event told to one
// party's swap, and the lines indented below it say what followed. Lines that
// start with # explain. Run with -update to write the indented lines anew.
//
//	open PARTY [same-chain]     the party's swap opens
//	open PARTY open-leg         leg 1 is a script, which anybody may fund
//	open PARTY asking           it asks for consent
//	open PARTY ... restored     from a copy of its Terms
//	restored                    from a backup
//	searched LEG                leg-searched
//	funded-own LEG TX REF HEIGHT  by a transaction that spends our coins
//	prepared TX                 funding-prepared
//	check-funding [CONDITION]   funding-checked; the condition named is open
//	redeem-prepared TX REF
//	check-reveal [CONDITION]
//	submitted fund|redeem|refund|abandon TX
//	submitted consent TX LEG
//	withheld fund|redeem
//	cancel
//	seen LEG TX / funded LEG TX REF HEIGHT / mismatched LEG TX
//	secret LEG TX / redeemed LEG TX HEIGHT / refunded LEG TX HEIGHT / consent LEG TX HEIGHT
//	consented LEG redeem|refund [no-seed] / consent-failed LEG
//	reorg LEG HEIGHT
//	tip LEG HEIGHT TIME         TIME is start+N, fund-by+N, time-lock+N, deadline+N of the leg or cut-off+N
type script struct {
	t     *testing.T
	seen  coverage
	swap  htlc.Swap
	clock map[int]int64
}

func runScripts(t *testing.T, seen coverage) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := &script{t: t, seen: seen, clock: map[int]int64{}}
			var out strings.Builder
			for line := range strings.Lines(string(raw)) {
				switch {
				case strings.HasPrefix(line, "\t"):
					continue
				case strings.TrimSpace(line) == "", strings.HasPrefix(line, "#"):
					out.WriteString(line)
				default:
					out.WriteString(line + s.tell(strings.Fields(line)))
				}
			}
			golden(t, file, []byte(out.String()))
		})
	}
}

// tell applies one line and renders what followed.
func (s *script) tell(words []string) string {
	if words[0] == "open" {
		s.swap = htlc.Swap{}
	}
	next, effects, err := step(s.t, s.seen, s.swap, s.event(words))
	switch {
	case errors.Is(err, htlc.ErrStale):
		return "\tstale\n"
	case err != nil:
		return "\trejected: " + err.Error() + "\n"
	}
	var out strings.Builder
	fmt.Fprintf(&out, "\t%s%s\n", next.Phase, s.changes(next))
	s.swap = next
	for _, e := range effects {
		fmt.Fprintf(&out, "\t-> %s\n", strings.TrimSpace(fmt.Sprintf("%s %d %s", e.Kind, e.Leg, e.Detail)))
	}
	for _, a := range next.Alarms() {
		fmt.Fprintf(&out, "\talarm on leg %d", a.Leg)
		if a.Height > 0 {
			fmt.Fprintf(&out, " at height %d", a.Height)
		}
		if a.Clock > 0 {
			fmt.Fprintf(&out, " at %s", s.name(a.Leg, a.Clock))
		}
		out.WriteString("\n")
	}
	return out.String()
}

// changes lists what differs from the swap before.
func (s *script) changes(next htlc.Swap) string {
	var out []string
	if next.Outcome != htlc.OutcomeNone {
		out = append(out, next.Outcome.String())
	}
	for i, l := range next.Legs {
		text := fmt.Sprintf("leg %d %s", i, l.Status)
		if l.Status.Locked() {
			text += fmt.Sprintf(" (%d of %d)", l.Confirmations(), next.Terms.Legs[i].MinConfirmations)
		}
		if l.Status.Spent() {
			text += fmt.Sprintf(" (%d of %d)", l.SpendConfirmations(), next.Terms.Legs[i].MinConfirmations)
		}
		out = append(out, text)
	}
	if next.Secret != nil {
		out = append(out, "secret known")
	}
	for i, l := range next.Legs {
		if l.Intent != htlc.IntentNone {
			out = append(out, fmt.Sprintf("leg %d bound to %s", i, l.Intent))
		}
	}
	if next.CutOffPassed {
		out = append(out, "cut-off passed")
	}
	for _, f := range next.Held {
		out = append(out, fmt.Sprintf("held: %s, %s", f.Condition, f.State))
	}
	return ": " + strings.Join(out, ", ")
}

// name says a time in the words of the script.
func (s *script) name(leg int, at int64) string {
	l := s.swap.Terms.Legs[leg]
	for _, n := range []struct {
		name string
		at   int64
	}{{"fund-by", l.FundBy}, {"cut-off", s.swap.Terms.CutOff()}, {"time-lock", l.TimeLock}} {
		if d := at - n.at; d >= -1 && d <= 1 {
			return fmt.Sprintf("%s%+d", n.name, d)
		}
	}
	return fmt.Sprintf("start%+d", at-startTime)
}

func (s *script) time(leg int, word string) int64 {
	l := s.swap.Terms.Legs[leg]
	for name, at := range map[string]int64{
		"start": startTime, "fund-by": l.FundBy, "time-lock": l.TimeLock, "cut-off": s.swap.Terms.CutOff(),
		"deadline": l.RedeemDeadline(),
	} {
		if rest, ok := strings.CutPrefix(word, name); ok {
			return at + int64(s.number("0"+strings.TrimPrefix(rest, "+")))
		}
	}
	s.t.Fatalf("no time: %s", word)
	return 0
}

func (s *script) number(word string) int {
	if rest, ok := strings.CutPrefix(word, "0-"); ok {
		word = "-" + rest
	}
	v, err := strconv.Atoi(word)
	if err != nil {
		s.t.Fatalf("no number: %s", word)
	}
	return v
}

var purposes = map[string]htlc.Purpose{"fund": htlc.PurposeFund, "redeem": htlc.PurposeRedeem, "refund": htlc.PurposeRefund, "abandon": htlc.PurposeAbandon, "consent": htlc.PurposeConsent}

// event reads one line.
func (s *script) event(w []string) htlc.Event {
	switch w[0] {
	case "open":
		terms := testTerms(btc, eth)
		switch {
		case len(w) > 2 && w[2] == "open-leg":
			terms = withoutDeployments(testTerms(eth, btc))
		case len(w) > 2 && w[2] == "asking":
			e := signed(terms, s.number(w[1]))
			e.AskRedeem, e.AskRefund = true, true
			return e
		case len(w) > 2 && w[2] == "same-chain":
			terms = testTerms(eth, token)
		}
		opening := signed(terms, s.number(w[1]))
		opening.Restored = strings.HasSuffix(strings.Join(w, " "), "restored")
		return opening
	case "prepared":
		return htlc.FundingPrepared{TxID: w[1]}
	case "check-funding", "check-reveal":
		return s.check(w)
	case "redeem-prepared":
		return htlc.RedeemPrepared{TxID: w[1], Ref: w[2]}
	case "submitted":
		leg := s.swap.Out()
		switch {
		case w[1] == "redeem":
			leg = s.swap.In()
		case len(w) > 3:
			leg = s.number(w[3])
		}
		return htlc.Submitted{Leg: leg, Purpose: purposes[w[1]], TxID: w[2]}
	case "withheld":
		return htlc.Withheld{Purpose: purposes[w[1]]}
	case "cancel":
		return htlc.CancelRequested{}
	case "restored":
		return htlc.Restored{}
	case "budget":
		return htlc.BudgetRaised{Purpose: purposes[w[1]], Budget: htlc.NewAmount(uint64(s.number(w[2])))}
	}
	return s.legEvent(w[0], s.number(w[1]), w[2:])
}

func (s *script) check(w []string) htlc.Event {
	open := len(w) > 1
	if w[0] == "check-reveal" {
		f := revealFacts(s.swap.Legs[s.swap.In()].Clock)
		if open {
			f.StateRead = htlc.Observed{Detail: w[1]}
		}
		return htlc.RevealChecked{Facts: f}
	}
	f := fundingFacts(s.swap.Legs[s.swap.Out()].Clock)
	if open {
		f.RedeemMeans = htlc.Observed{Detail: w[1]}
	}
	return htlc.FundingChecked{Facts: f}
}

func (s *script) legEvent(kind string, leg int, w []string) htlc.Event {
	at := func(i int) htlc.BlockID { return block(uint64(s.number(w[i]))) }
	switch kind {
	case "seen":
		return htlc.LegSeen{Leg: leg, TxID: w[0]}
	case "funded", "funded-own":
		return htlc.LegFunded{Leg: leg, TxID: w[0], Ref: w[1], Block: at(2), Own: kind == "funded-own"}
	case "searched":
		return htlc.LegSearched{Leg: leg}
	case "mismatched":
		return htlc.LegMismatched{Leg: leg, TxID: w[0], Detail: "another amount"}
	case "secret":
		return htlc.SecretSeen{Leg: leg, TxID: w[0], Secret: testSecret()}
	case "redeemed":
		return htlc.LegRedeemed{Leg: leg, TxID: w[0], Secret: testSecret(), Block: at(1)}
	case "refunded":
		return htlc.LegRefunded{Leg: leg, TxID: w[0], Block: at(1)}
	case "consent":
		return htlc.LegClosedByConsent{Leg: leg, TxID: w[0], Block: at(1)}
	case "consented":
		e := htlc.ConsentGiven{Leg: leg, Intent: htlc.IntentRedeem, Facts: htlc.ConsentFacts{SecretHeld: passed}}
		if w[0] == "refund" {
			e.Intent = htlc.IntentRefund
		}
		if len(w) > 1 {
			e.Facts.SecretHeld = htlc.Observed{Detail: w[1]}
		}
		return e
	case "consent-failed":
		return htlc.ConsentFailed{Leg: leg}
	case "reorg":
		return htlc.Reorged{Leg: leg, Block: at(0)}
	case "tip":
		return htlc.TipAdvanced{Leg: leg, Height: uint64(s.number(w[0])), Clock: s.time(leg, w[1])}
	}
	s.t.Fatalf("no command: %s", kind)
	return nil
}
