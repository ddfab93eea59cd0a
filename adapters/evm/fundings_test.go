package evm_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
)

// A funding was announced, and no node has it: its broadcast never arrived, or was forgotten. Its gate may have
// closed since, which only its owner knows, so nothing else that uses the account hands it out. A redeem after it
// takes the nonce away, and the owner, if it still wants to, signs again.
func TestSafety_A8_LostFundingWaitsForItsGate(t *testing.T) {
	k, w := newWiredKit(t)
	in := k.incoming(1)
	out := k.terms("out", 2, nativeAsset, evmtest.Ether)
	w.set(func(w *wire) { w.dropTxs = true })
	funding := k.fund("out", out).Txs[0]
	w.set(func(w *wire) { w.dropTxs = false; w.seen.Reset() })
	redeem := k.calm(k.payer, in, 1, nil)
	k.broadcast(k.payer, redeem)
	k.mined(k.payer, redeem.Nonce)
	if k.funded(k.payer, in) {
		t.Fatal("the redeem waits behind the funding")
	}
	if strings.Contains(w.log(), hex.EncodeToString(funding.Raw)) || k.funded(k.payer, out) {
		t.Fatal("the funding is handed out without its gate")
	}
	wantReason(t, k.payer.Broadcast(k.Context(), funding), adapters.ErrNonceTaken, "NONCE_TAKEN")
	k.fund("out", out)
	k.Commit()
	if !k.funded(k.payer, out) {
		t.Fatal("the funding signed again does not lock")
	}
}
