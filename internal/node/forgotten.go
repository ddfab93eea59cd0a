package node

import (
	"strings"

	"github.com/kofo-network/kofo/htlc"
)

// forgotten says what a restored swap does not do, since it may have been done
// before, and what its owner can do.
func forgotten(s htlc.Swap, note htlc.RevealNote) (out []string) {
	keeps := s.Initiator() && s.Phase < htlc.PhaseRevealing && s.Legs[s.In()].Status.Locked()
	switch {
	case keeps && note == htlc.NoteBegun:
		out = append(out, strings.TrimSpace(`
This node was about to show its secret when its data were lost, and neither a chain nor a mempool shows that it did. So it shows it until the cut-off only.
If you know that its redeem was sent, or find it in an explorer, redeem with kofo rescue redeem.`))
	case keeps && note == htlc.NoteInside:
		out = append(out, strings.TrimSpace(`
No copy says that this node has shown its secret, so it shows it until the cut-off only. If the copies in the node's own folders were not read,
and it may have shown it before, redeem with kofo rescue redeem.`))
	}
	if s.Phase == htlc.PhaseAgreed && s.FundingTx == "" {
		out = append(out, strings.TrimSpace(`
This node may have sent its lock without remembering it, so it sends none, and waits for one to appear.
When you are sure that none will, for example after you have moved all coins of the wallet once, end it with kofo swap cancel.`))
	}
	return out
}
