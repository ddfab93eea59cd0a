package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/htlc"
)

// mostBehind is how many blocks the engine may be behind its back end while it
// works as it should.
const mostBehind = 3

func (d *Doctor) chain(ctx context.Context, c Chain) []Check {
	status, err := c.Status(ctx)
	out := []Check{d.answers(c, status, err)}
	if err == nil {
		out = append(out, synced(c, status), d.clock(c, status), behind(c, status), d.settings(ctx, c), means(ctx, c))
	}
	return append(append(out, backEnds(c)...), breakerOf(c))
}

// answers: the adapter compares chain id, genesis and deployment with every
// answer, so what is wrong with them shows here.
func (d *Doctor) answers(c Chain, status adapters.Status, err error) Check {
	out := Check{ID: "chain.backend", Subject: c.Name}
	switch {
	case err == nil:
		out.Found = fmt.Sprintf("%s serves %s; chain, genesis and deployment are those configured", status.Backend, c.ID)
	case errors.Is(err, adapters.ErrWrongChain):
		out.State, out.Found, out.Advice = Fail, err.Error(), "correct the back end's url, or the chain's id and genesis"
	case errors.Is(err, adapters.ErrMismatch):
		out.State, out.Found, out.Advice = Fail, err.Error(), "correct the deployment's address, or deploy it: `kofod deploy`"
	default:
		out.State, out.Found, out.Advice = Fail, err.Error(), "start the back end, and check address, credentials and network"
	}
	return out
}

func synced(c Chain, status adapters.Status) Check {
	out := Check{ID: "chain.synced", Subject: c.Name, Found: fmt.Sprintf("at block %d", status.Tip.Height)}
	if !status.Synced {
		out.State, out.Advice = Fail, "wait until the back end has caught up; agree on nothing new meanwhile"
	}
	return out
}

// clock compares the chain's clock with this machine's. Time locks go by the
// chain's; a machine that is wrong wakes late.
func (d *Doctor) clock(c Chain, status adapters.Status) Check {
	at := time.Unix(max(status.Tip.Clock, status.Tip.Time), 0)
	ahead := at.Sub(d.Now())
	out := Check{ID: "chain.clock", Subject: c.Name, Found: fmt.Sprintf("the chain's clock is %s behind this machine's", (-ahead).Round(time.Second))}
	if ahead > 0 {
		out.Found = fmt.Sprintf("the chain's clock is %s ahead of this machine's", ahead.Round(time.Second))
	}
	if ahead > c.Lead || -ahead > c.Lag {
		out.State, out.Advice = Warn, "set this machine's clock (NTP); where it is right, the chain stands still or its back end hangs"
	}
	return out
}

func behind(c Chain, status adapters.Status) Check {
	out := Check{ID: "chain.followed", Subject: c.Name}
	height, ok := c.Cursor()
	switch {
	case !ok:
		out.State, out.Found, out.Advice = Fail, "the chain is not followed yet", "look into the node's log"
	case status.Tip.Height+mostBehind < height:
		// What is stored came from a back end that had these blocks.
		out.State, out.Found = Fail, fmt.Sprintf("the back end is at block %d, and the node has processed block %d", status.Tip.Height, height)
		out.Advice = "it has lost blocks or follows another branch: let it catch up, or use another back end; its answers about swaps are too old"
	case height+mostBehind < status.Tip.Height:
		out.State, out.Found, out.Advice = Warn, fmt.Sprintf("the node has processed block %d of %d", height, status.Tip.Height), "look at the database's speed, and into the node's log"
	default:
		out.Found = fmt.Sprintf("processed up to block %d", height)
	}
	return out
}

func (d *Doctor) settings(ctx context.Context, c Chain) Check {
	out := Check{ID: "chain.settings", Subject: c.Name}
	s, err := c.Settings(ctx)
	switch {
	case err != nil:
		out.State, out.Found, out.Advice = Unknown, err.Error(), "ask again"
	case c.Indexed && s.Indexed == adapters.No:
		out.State, out.Found, out.Advice = Fail, "the back end has no index of transactions", "start it with an index: -txindex"
	case s.Pruned == adapters.Yes:
		out.State, out.Found, out.Advice = Warn, "the back end throws old blocks away", "use one that keeps them, or it may miss what a restore needs"
	case s.Peers == 0 && !c.Local:
		out.State, out.Found, out.Advice = Fail, "the back end has no peers", "check its network: it neither hears nor tells anything"
	case s.Peers < 0 && !c.Local:
		out.State, out.Found = Unknown, "the back end does not tell how many peers it has"
	case s.Peers < 0:
		out.Found = "a chain of one's own"
	default:
		out.Found = fmt.Sprintf("%d peers", s.Peers)
	}
	return out
}

func means(ctx context.Context, c Chain) Check {
	out := Check{ID: "wallet.fees", Subject: c.Name}
	have, need, err := c.Means(ctx)
	if err != nil {
		out.State, out.Found, out.Advice = Unknown, err.Error(), "ask again"
		return out
	}
	out.Found = fmt.Sprintf("%s are spendable, a redeem takes up to %s", c.Coin.text(have), c.Coin.text(need))
	if have.Cmp(need) < 0 {
		out.State, out.Advice = Warn, "pay in: `kofo wallet addresses`"
	}
	return out
}

func (c Coin) text(amount htlc.Amount) string {
	units, err := sdk.FormatUnits(amount.String(), c.Decimals)
	if err != nil {
		return amount.String() + " base units"
	}
	return units + " " + c.Symbol
}
