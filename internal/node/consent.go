package node

import (
	"context"
	"errors"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/peer"
	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/monitor/runner"
)

// errNoAddress: nobody has told us where the other party listens.
var errNoAddress = errors.New("the other party's node has no known address")

func (c *core) consent() runner.Consent {
	return runner.Consent{
		Off: !c.cfg.Policy.Consent, Patience: c.cfg.Policy.ConsentWait,
		Peers: consentPeers{records: c.store.Agreements(), client: peer.Client{Identity: c.identity.TLS(), Dial: c.traces.DialOptions()}},
	}
}

// consentPeers finds the other party of a swap in the agreement.
type consentPeers struct {
	records *store.Agreements
	client  peer.Client
}

func (p consentPeers) AskConsent(ctx context.Context, s htlc.Swap, q runner.Question) ([]byte, error) {
	record, err := p.records.Find(ctx, agreement.Key{Swap: s.ID})
	if err != nil {
		return nil, err
	}
	to, known := record.Peer()
	if !known {
		return nil, &runner.Refusal{Reason: runner.RefusedOff, Text: errNoAddress.Error()}
	}
	return p.client.Consent(ctx, to, q)
}

// asking says, in the event that opens a swap, on which of its legs consent is
// worth asking for.
func (c *core) asking(signed htlc.TermsSigned) htlc.TermsSigned {
	if !c.cfg.Policy.Consent || len(signed.Terms.Legs) == 0 {
		return signed
	}
	in, err := c.chains.find(signed.Terms.Legs[signed.Terms.Incoming(signed.Self)].Chain())
	signed.AskRedeem = err == nil && in.redeemsTogether
	signed.AskRefund = true
	return signed
}
