package doctor

import (
	"fmt"
	"time"

	"github.com/kofo-network/kofo/adapters/backend"
	"github.com/kofo-network/kofo/monitor/breaker"
)

// enough back ends must agree where several are configured.
const enough = 2

// backEnds looks at every back end of a chain and at what they are together. A
// single one is looked at as the chain itself.
func backEnds(c Chain) []Check {
	all := c.BackEnds()
	if len(all) < enough {
		return []Check{alone(c)}
	}
	highest := uint64(0)
	for _, h := range all {
		highest = max(highest, h.Head.Height)
	}
	processed, _ := c.Cursor()
	var out []Check
	good := 0
	for _, h := range all {
		check := backEnd(c, h, highest, processed)
		if check.State == OK {
			good++
		}
		out = append(out, check)
	}
	return append(out, agreement(c, good, len(all)))
}

func alone(c Chain) Check {
	out := Check{ID: "chain.agreement", Subject: c.Name, Found: "one back end, on a chain of one's own"}
	if !c.Local {
		out.State, out.Found = Warn, "one back end: nobody contradicts it when it is wrong"
		out.Advice = "add another of a different operator under chains[].backends: two must then agree before coins are locked or the secret is shown"
	}
	return out
}

func backEnd(c Chain, h backend.Health, highest, processed uint64) Check {
	out := Check{ID: "chain.backends", Subject: c.Name + ", " + h.Name}
	where := fmt.Sprintf("at block %d", h.Head.Height)
	if lag := highest - h.Head.Height; lag > 0 {
		where += fmt.Sprintf(", %d behind the highest", lag)
	}
	if h.State == backend.Unknown {
		out.State, out.Found, out.Advice = Unknown, "not asked yet", "ask again in a moment"
		return out
	}
	if h.State == backend.Good && h.Head.Height+mostBehind < processed {
		// By the others it may pass, where they are as far behind as it is.
		out.State, out.Found = Fail, fmt.Sprintf("%s, and the node has processed block %d", where, processed)
		out.Advice = "it has lost blocks or follows another branch: let it catch up, or take it out of the configuration"
		return out
	}
	if h.State == backend.Good {
		out.Found = fmt.Sprintf("%s; it agrees with the others and answers in %s", where, h.Latency.Round(time.Millisecond))
		if h.Asked {
			out.Found += "; the node reads from it"
		}
		return out
	}
	out.State = Warn
	out.Found = fmt.Sprintf("%s since %s: %s (%s)", h.State, h.Since.UTC().Format(time.RFC3339), h.Detail, h.Reason)
	if h.Reason != backend.NoAnswer {
		out.Found += "; it is " + where
	}
	out.Advice = remedy(h.Reason)
	if h.Reason == backend.WrongChain {
		out.State = Fail
	}
	return out
}

func remedy(r backend.Reason) string {
	switch r {
	case backend.NoAnswer:
		return "start it, and check address, credentials and network; it is used again with its first good answer"
	case backend.WrongChain:
		return "correct its url: it serves another chain"
	case backend.Stale:
		return "let it catch up, and check its peers; it is used again once it has agreed with the others for a while"
	case backend.Ahead, backend.WentBack, backend.Contradicts, backend.Lied:
		return "find out who is right, at best with a block explorer: a back end that tells wrong blocks is to be replaced"
	}
	return "look at it with `kofo chain status`"
}

// agreement is what the gates ask of a chain with several back ends.
func agreement(c Chain, good, all int) Check {
	out := Check{ID: "chain.agreement", Subject: c.Name, Found: fmt.Sprintf("%d of %d back ends are good", good, all)}
	switch {
	case c.Split():
		out.State, out.Found = Fail, out.Found+", and no two of them agree on the chain"
		out.Advice = "compare them with a block explorer and take the wrong ones out: no coins are locked and no secret is shown for the first time meanwhile; redeems of a known secret and refunds go on"
	case good < enough:
		out.State, out.Found = Fail, fmt.Sprintf("%s, and %d must agree", out.Found, enough)
		out.Advice = "bring the others back: no coins are locked and no secret is shown for the first time meanwhile; redeems of a known secret and refunds go on"
	}
	return out
}

// breakerOf tells whether the chain is trusted with anything new.
func breakerOf(c Chain) Check {
	out := Check{ID: "chain.breaker", Subject: c.Name, Found: "closed: the chain is trusted with new swaps"}
	state := c.Suspended()
	if state == nil {
		return out
	}
	out.State = Fail
	out.Found = fmt.Sprintf("open since %s, %s: %s. No new swap begins and no secret is shown for the first time; redeems of a known secret and refunds go on. It closes after %d calm blocks, of which %d have come",
		state.Since.UTC().Format(time.RFC3339), state.Cause, state.Detail, state.Needed, state.Calm)
	resume := "; where you know better than it: `kofo chain resume " + c.Name + "`"
	switch state.Cause {
	case breaker.DeepReorg:
		out.Advice = "find out what has happened to the chain before new swaps begin" + resume
	case breaker.Stalled:
		out.Advice = "check that the back ends have peers and that blocks are found elsewhere" + resume
	case breaker.Split:
		out.Advice = "find out which back end is right, `kofo chain status` shows them, and take the others out" + resume
	default:
		out.Advice = "look into the node's log" + resume
	}
	return out
}
