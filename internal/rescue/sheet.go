package rescue

import (
	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/evm"
)

// Sheet is all that can be said of a swap without looking at a chain.
type Sheet struct {
	Swap       string     `json:"swap"`
	Party      string     `json:"party"`
	Initiator  bool       `json:"initiator"`
	SecretHash string     `json:"secretHash"`
	CutOff     int64      `json:"cutOff"` // of the initiator's reveal
	Legs       []LegSheet `json:"legs"`
}

// LegSheet is one leg; one of Bitcoin and EVM is set.
type LegSheet struct {
	Index            int            `json:"index"`
	Family           Family         `json:"family"`
	Chain            string         `json:"chain"`
	Asset            string         `json:"asset"`
	Amount           string         `json:"amount"` // base units
	Ours             bool           `json:"ours"`   // we pay it
	MinConfirmations uint32         `json:"minConfirmations"`
	FundBy           int64          `json:"fundBy"`
	TimeLock         int64          `json:"timeLock"`
	Bitcoin          *bitcoin.Sheet `json:"bitcoin,omitempty"`
	EVM              *evm.Sheet     `json:"evm,omitempty"`
}

// Sheet computes every contract anew, and says whose the keys are.
func (k *Kit) Sheet() (Sheet, error) {
	out := Sheet{
		Swap: k.Terms.ID().String(), Party: k.party.String(), Initiator: k.Initiator(),
		SecretHash: k.Terms.SecretHash.String(), CutOff: k.Terms.CutOff(),
	}
	for i := range k.Terms.Legs {
		if i != k.In() && i != k.Out() {
			continue // between others
		}
		leg, err := k.leg(i)
		if err != nil {
			return out, err
		}
		out.Legs = append(out.Legs, leg)
	}
	return out, nil
}

func (k *Kit) leg(i int) (LegSheet, error) {
	terms := k.Terms.Legs[i]
	out := LegSheet{
		Index: i, Chain: string(terms.Chain()), Asset: string(terms.Asset), Amount: terms.Amount.String(), Ours: i == k.Out(),
		MinConfirmations: terms.MinConfirmations, FundBy: terms.FundBy, TimeLock: terms.TimeLock,
	}
	var err error
	if out.Family, err = k.FamilyOf(i); err != nil {
		return out, err
	}
	if out.Family == Bitcoin {
		o, err := k.bitcoin(i)
		if err != nil {
			return out, err
		}
		s, err := o.Sheet(k.Terms, i)
		out.Bitcoin = &s
		return out, err
	}
	o, err := k.evm(i)
	if err != nil {
		return out, err
	}
	s, err := o.Sheet(k.Terms, i)
	out.EVM = &s
	return out, err
}
