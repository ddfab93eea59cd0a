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

// tellIntent says what a leg is bound to, and when a spend by consent is out.
func (n *narrator) tellIntent(log *slog.Logger, s htlc.Swap, leg int, was htlc.LegState) {
	now := s.Legs[leg]
	log = log.With("leg", leg, "chain", string(s.Terms.Legs[leg].Chain()))
	if now.Intent != was.Intent {
		ours := leg == s.Out() && now.Intent == htlc.IntentRefund || leg == s.In() && now.Intent == htlc.IntentRedeem
		text := "consented to the other party's " + now.Intent.String()
		if ours {
			text = "asking the other party to consent to our " + now.Intent.String()
		}
		log.Info(text)
	}
	if now.ConsentTx != was.ConsentTx {
		log.Info(now.Intent.String()+" by consent sent", "txid", now.ConsentTx)
	}
}

func (n *narrator) tell(before, s htlc.Swap) {
	log := n.log.With("swap", s.ID.String())
	after := len(before.Legs) == 0 && s.Phase == htlc.PhaseClosed && s.Forsworn()
	if after { // it had closed before: the consent is all that is new
		log.Info("consented to the early refund of the other party", "leg", s.In(), "chain", string(s.Terms.Legs[s.In()].Chain()))
		return
	}
	for leg, was := range before.Legs {
		now := s.Legs[leg]
		n.tellIntent(log, s, leg, was)
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
