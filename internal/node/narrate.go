package node

import (
	"log/slog"
	"sync"

	"github.com/kofo-network/kofo/htlc"
)

// narrator logs what becomes of open swaps, a line for each thing that an
// operator would want to know; of their opening the agreement tells. The secret
// is in none of them.
type narrator struct {
	log  *slog.Logger
	mu   sync.Mutex
	told map[htlc.SwapID]htlc.Swap
}

func newNarrator(log *slog.Logger) *narrator {
	return &narrator{log: log, told: map[htlc.SwapID]htlc.Swap{}}
}

// changed takes swaps after each commit.
func (n *narrator) changed(swaps []htlc.Swap) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range swaps {
		before, known := n.told[s.ID]
		if known || s.Phase == htlc.PhaseAgreed || s.Phase == htlc.PhaseClosed {
			n.tell(before, s)
		} // else it went on before this process began: nothing new is known of it yet
		if s.Phase == htlc.PhaseClosed {
			delete(n.told, s.ID)
		} else {
			n.told[s.ID] = s
		}
	}
}

func (n *narrator) tell(before, s htlc.Swap) {
	log := n.log.With("swap", s.ID.String())
	for leg, was := range before.Legs {
		now := s.Legs[leg]
		if (leg != s.Out() && leg != s.In()) || now.Status == was.Status || now.Status == htlc.LegInMempool {
			continue
		}
		txid := now.FundTx
		if now.Status.Spent() {
			txid = now.SpendTx
		}
		log.Info("leg "+now.Status.String(), "leg", leg, "ours", leg == s.Out(), "chain", string(s.Terms.Legs[leg].Chain()), "txid", txid)
	}
	if len(before.Legs) > 0 && (s.Secret != nil || s.Released) && before.Secret == nil && !before.Released {
		log.Info("the secret is out")
	}
	if s.Phase == htlc.PhaseClosed {
		log.Info("swap closed", "outcome", s.Outcome.String())
	}
}
