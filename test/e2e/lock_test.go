//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"testing"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/btcec/v2/schnorr/musig2"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/ethereum/go-ethereum/common"

	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/htlc"
)

// TestSafety_A1_LockWithoutSizeCheckRefused: an initiator agrees and then
// locks its bitcoin in an output that is the contract but for the check of
// the secret's size. The participant takes it for nothing and funds nothing.
func TestSafety_A1_LockWithoutSizeCheckRefused(t *testing.T) {
	t.Parallel()
	ctx := swapContext(t)
	p := newPair(ctx, t, production)
	accepted, err := p.participant.client.Settlement.Accept(ctx, &sdk.AcceptRequest{Ticket: p.offer(ctx).GetTicket(), ByHand: true})
	must(t, err)
	id := accepted.GetSwapId()
	terms := p.signsElsewhere(ctx, accepted)
	must(t, p.initiator.chains.bitcoin.pay(ctx, lockAddress(t, terms, false), sendBTC.Int64()))
	must(t, p.initiator.chains.ethereum.grow(ctx, 8))
	got, err := p.participant.client.Settlement.Get(ctx, &sdk.GetRequest{Id: id})
	must(t, err)
	seen := got.GetSwap().GetLegs()[0]
	if seen.GetConfirmations() != 0 || seen.GetFundingTxid() != "" {
		t.Errorf("the lock counts as funding: %v", seen)
	}
	if right := lockAddress(t, terms, true); right != seen.GetContractAddress() {
		t.Errorf("with a size check the lock is %s, the contract is %s", right, seen.GetContractAddress())
	}
	s := p.participant.ends(ctx, id, sdk.OutcomeCancelled)
	p.usedOnce(ctx, s, 1, 0)
	p.has(ctx, p.participant, participantStart, money{})
}

// signsElsewhere countersigns an acceptance with the initiator's key, but not
// by its node, which so funds nothing, and completes the agreement.
func (p pair) signsElsewhere(ctx context.Context, accepted *sdk.AcceptResponse) htlc.Terms {
	p.t.Helper()
	answer, err := htlc.ParseAcceptance(accepted.GetAcceptance())
	must(p.t, err)
	got, err := p.participant.client.Settlement.Get(ctx, &sdk.GetRequest{Id: accepted.GetSwapId()})
	must(p.t, err)
	terms, err := htlc.DecodeTerms(got.GetDocuments().GetTerms())
	must(p.t, err)
	identity, err := p.initiator.keys().Identity()
	must(p.t, err)
	signed := htlc.Countersignature{
		Swap: terms.ID(), Signatures: [2]htlc.Signature{identity.SignMessage(htlc.TermsMessage(terms)), answer.Signature},
	}
	_, err = p.participant.client.Settlement.Complete(ctx, &sdk.CompleteRequest{Countersignature: signed.Text()})
	must(p.t, err)
	return terms
}

// lockAddress is the address of the first leg's contract, made without the
// node's code, with or without the check of the secret's size.
func lockAddress(t *testing.T, terms htlc.Terms, sized bool) string {
	t.Helper()
	leg := terms.Legs[0]
	payer, err := btcec.ParsePubKey(leg.PayerKey)
	must(t, err)
	payee, err := btcec.ParsePubKey(leg.PayeeKey)
	must(t, err)
	aggregate, _, _, err := musig2.AggregateKeys([]*btcec.PublicKey{payer, payee}, true)
	must(t, err)
	redeem := txscript.NewScriptBuilder()
	if sized {
		redeem.AddOp(txscript.OP_SIZE).AddInt64(htlc.SecretSize).AddOp(txscript.OP_EQUALVERIFY)
	}
	redeem.AddOp(txscript.OP_SHA256).AddData(terms.SecretHash[:]).AddOp(txscript.OP_EQUALVERIFY).
		AddData(schnorr.SerializePubKey(payee)).AddOp(txscript.OP_CHECKSIG)
	refund := txscript.NewScriptBuilder().AddData(schnorr.SerializePubKey(payer)).AddOp(txscript.OP_CHECKSIGVERIFY).
		AddInt64(leg.TimeLock).AddOp(txscript.OP_CHECKLOCKTIMEVERIFY)
	var leaves []txscript.TapLeaf
	for _, b := range []*txscript.ScriptBuilder{redeem, refund} {
		script, err := b.Script()
		must(t, err)
		leaves = append(leaves, txscript.NewBaseTapLeaf(script))
	}
	root := txscript.AssembleTaprootScriptTree(leaves...).RootNode.TapHash()
	output := txscript.ComputeTaprootOutputKey(aggregate.PreTweakedKey, root[:])
	to, err := address.NewAddressTaproot(schnorr.SerializePubKey(output), &chaincfg.RegressionNetParams)
	must(t, err)
	return to.EncodeAddress()
}

// TestSafety_A2_SameHashOnEveryChain: one secret of 32 bytes opens the locks
// of both chains, and its SHA-256 is the hash in the Terms.
func TestSafety_A2_SameHashOnEveryChain(t *testing.T) {
	t.Parallel()
	ctx := swapContext(t)
	p := newPairOn(ctx, t, embedded, nodes.chains, alone) // a redeem by consent shows no secret
	id := p.agree(ctx)
	p.swapped(ctx, id)
	terms, secret := p.secret(ctx, id)
	if sha256.Sum256(secret[:]) != terms.SecretHash {
		t.Error("the hash in the terms is not the SHA-256 of the secret")
	}
	s, on := p.swap(ctx, id), p.initiator.chains
	_, inputs, err := on.bitcoin.uses(ctx, p.since, s.GetLegs()[0].GetContractAddress())
	must(t, err)
	if witness := inputs[0].Witness; len(witness) != 4 || !bytes.Equal(witness[1], secret[:]) {
		t.Errorf("bitcoin was redeemed by %x, not by the secret", witness)
	}
	paid := s.GetLegs()[1]
	_, events, err := on.ethereum.uses(ctx, common.HexToAddress(paid.GetContractAddress()), common.HexToHash(paid.GetContractId()))
	must(t, err)
	if e := events[0]; e.Topics[0] != eventRedeemed || !bytes.Equal(e.Data, secret[:]) {
		t.Errorf("ether was redeemed by %x, not by the secret", e.Data)
	}
}
