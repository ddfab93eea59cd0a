package rescue

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/wire/v2"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/kofo-network/kofo/adapters/evm/contracts"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/copies"
	"github.com/kofo-network/kofo/internal/rescue/rescuetest"
	"github.com/kofo-network/kofo/internal/vault"
	"github.com/kofo-network/kofo/internal/wallet"
)

const (
	initiatorWords   = rescuetest.InitiatorWords
	participantWords = rescuetest.ParticipantWords
	now              = rescuetest.Now
)

func keysOf(t testing.TB, words string) *wallet.Keys { t.Helper(); return rescuetest.Keys(t, words) }

func agreed(t testing.TB) htlc.SignedTerms { t.Helper(); return rescuetest.Agreed(t) }

func kitOf(t testing.TB, words string) *Kit {
	t.Helper()
	k, err := Open(keysOf(t, words), []byte(agreed(t).Text()))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func wantReason(t *testing.T, err error, reason string) {
	t.Helper()
	var told *Error
	if !errors.As(err, &told) || told.Reason() != reason {
		t.Errorf("error %v, want the reason %s", err, reason)
	}
}

// bitcoinFacts are the right ones for leg 0.
func bitcoinFacts(t testing.TB, k *Kit) Typed {
	t.Helper()
	sheet, err := k.Sheet()
	if err != nil {
		t.Fatal(err)
	}
	return Typed{
		TxID: strings.Repeat("ab", 32), Index: 1, Satoshi: 5_000_000, Address: sheet.Legs[0].Bitcoin.Address, FeeRate: 12, Clock: now,
	}
}

// evmFacts are the right ones for leg 1.
func evmFacts(t testing.TB, k *Kit) Typed {
	t.Helper()
	sheet, err := k.Sheet()
	if err != nil {
		t.Fatal(err)
	}
	return Typed{
		ChainID: 1337, Slot: sheet.Legs[1].EVM.ID, Nonce: 9, BaseFee: big.NewInt(7e9), Tip: big.NewInt(1e9), Clock: now,
		Confirmations: 3, Sources: 2, Unspent: true, Balance: big.NewInt(1e17),
	}
}

func TestOpenReadsEveryForm(t *testing.T) {
	signed := agreed(t)
	keys := keysOf(t, participantWords)
	v, err := vault.New(keys)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := copies.Seal(v, copies.Copy{Signed: signed, Self: 1})
	if err != nil {
		t.Fatal(err)
	}
	forms := map[string][]byte{
		"copy": sealed, "text": []byte(signed.Text() + "\n"),
		"acceptance": []byte(htlc.Acceptance{Terms: signed.Terms, Signature: signed.Signatures[1]}.Text()),
	}
	for name, content := range forms {
		k, err := Open(keys, content)
		if err != nil || k.Self != 1 || k.Terms.ID() != signed.Terms.ID() {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = Open(keysOf(t, initiatorWords), sealed)
	wantReason(t, err, "COPY_FOREIGN")
	stranger := "letter advice cage absurd amount doctor acoustic avoid letter advice cage above"
	_, err = Open(keysOf(t, stranger), forms["text"])
	wantReason(t, err, "COPY_FOREIGN")
	_, err = Open(keys, sealed[:len(sealed)-9])
	wantReason(t, err, "COPY_DAMAGED")
	_, err = Open(keys, []byte(htlc.Countersignature{Swap: signed.Terms.ID()}.Text()))
	wantReason(t, err, "RESCUE_MISMATCH")
}

func TestSheetSaysWhoseTheKeysAre(t *testing.T) {
	for words, self := range map[string]int{initiatorWords: 0, participantWords: 1} {
		s, err := kitOf(t, words).Sheet()
		if err != nil {
			t.Fatal(err)
		}
		b, e := s.Legs[0].Bitcoin, s.Legs[1].EVM
		if s.Initiator != (self == 0) || b.Payer != (self == 0) || b.Payee != (self == 1) || e.OfOwner != (self == 1) || e.PaysAccount != (self == 0) {
			t.Errorf("party %d: %+v, %+v", self, b, e)
		}
	}
}

func TestRefundOnBitcoin(t *testing.T) {
	k := kitOf(t, initiatorWords)
	s, err := k.Refund(bitcoinFacts(t, k))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := hex.DecodeString(s.Raw)
	if err != nil {
		t.Fatal(err)
	}
	var tx wire.MsgTx
	if err := tx.Deserialize(bytes.NewReader(raw)); err != nil {
		t.Fatal(err)
	}
	if lock := k.Terms.Legs[0].TimeLock; int64(tx.LockTime) != lock || s.Earliest != lock+1 || len(s.Warnings) != 1 {
		t.Errorf("lock time %d, %+v", tx.LockTime, s)
	}
	if tx.TxHash().String() != s.TxID || s.VSize == 0 || tx.TxOut[0].Value != 5_000_000-int64(12*s.VSize) {
		t.Errorf("pays %d, %+v", tx.TxOut[0].Value, s)
	}
	again, err := k.Refund(bitcoinFacts(t, k))
	if err != nil || again.Earliest != s.Earliest {
		t.Error(err)
	}
}

func TestRedeemWithAKnownSecret(t *testing.T) {
	k := kitOf(t, participantWords)
	secret, err := kitOf(t, initiatorWords).Secret()
	if err != nil {
		t.Fatal(err)
	}
	typed := bitcoinFacts(t, k)
	s, err := k.RedeemKnown(typed, secret)
	if err != nil || s.Earliest != 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	raw := secret.Reveal()
	if !strings.Contains(s.Raw, hex.EncodeToString(raw[:])) {
		t.Error("the secret is not in it")
	}
	other, err := htlc.NewSecret(make([]byte, htlc.SecretSize))
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.RedeemKnown(typed, other)
	wantReason(t, err, "RESCUE_MISMATCH")
	_, err = k.RedeemOwn(typed, true)
	wantReason(t, err, "RESCUE_MISMATCH")
}

func TestTypedFactsAreCompared(t *testing.T) {
	one, two := kitOf(t, initiatorWords), kitOf(t, participantWords)
	for name, change := range map[string]func(*Typed){
		"amount": func(f *Typed) { f.Satoshi++ }, "address": func(f *Typed) { f.Address = "bcrt1q" }, "txid": func(f *Typed) { f.TxID = "12" },
		"feerate": func(f *Typed) { f.FeeRate = 0 }, "mad feerate": func(f *Typed) { f.FeeRate = 1e5 }, "to": func(f *Typed) { f.To = "1BoatSLRHtKNngkdXEeobR76b53LETtpyT" },
	} {
		typed := bitcoinFacts(t, one)
		change(&typed)
		_, err := one.Refund(typed)
		wantReason(t, err, "RESCUE_MISMATCH")
		if err == nil {
			t.Error(name)
		}
	}
	for name, change := range map[string]func(*Typed){
		"chain": func(f *Typed) { f.ChainID = 1 }, "not funded": func(f *Typed) { f.Slot = "0x4" }, "spent": func(f *Typed) { f.Slot = "0x05" },
		"other": func(f *Typed) { f.Slot = "0xff" + f.Slot[4:] }, "no hex": func(f *Typed) { f.Slot = "zz" }, "no tip": func(f *Typed) { f.Tip = new(big.Int) },
		"no fee": func(f *Typed) { f.BaseFee = nil },
	} {
		typed := evmFacts(t, two)
		change(&typed)
		_, err := two.Refund(typed)
		wantReason(t, err, "RESCUE_MISMATCH")
		if err == nil {
			t.Error(name)
		}
	}
}

func TestRefundOnEVM(t *testing.T) {
	k := kitOf(t, participantWords)
	s, err := k.Refund(evmFacts(t, k))
	if err != nil {
		t.Fatal(err)
	}
	var tx types.Transaction
	raw, err := hex.DecodeString(strings.TrimPrefix(s.Raw, "0x"))
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.UnmarshalBinary(raw); err != nil {
		t.Fatal(err)
	}
	if tx.Nonce() != 9 || tx.Type() != types.DynamicFeeTxType || tx.GasFeeCap().Cmp(big.NewInt(15e9)) != 0 || *tx.To() != contracts.Address() ||
		tx.Gas() != s.GasLimit || tx.Hash().Hex() != s.TxID || s.Earliest != k.Terms.Legs[1].TimeLock {
		t.Errorf("%+v", s)
	}
}

// TestSafety_A6_RescueAsksTheRevealGate: an initiator's own secret leaves the
// tool only where the typed facts satisfy each condition, or the owner says to
// know better.
func TestSafety_A6_RescueAsksTheRevealGate(t *testing.T) {
	k := kitOf(t, initiatorWords)
	s, err := k.RedeemOwn(evmFacts(t, k), false)
	if err != nil || s.Raw == "" || len(s.Warnings) != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	for name, change := range map[string]func(*Typed){
		"depth": func(f *Typed) { f.Confirmations = 2 }, "cut-off": func(f *Typed) { f.Clock = k.Terms.CutOff() + 1 }, "no clock": func(f *Typed) { f.Clock = 0 },
		"spent": func(f *Typed) { f.Unspent = false }, "one source": func(f *Typed) { f.Sources = 1 },
		"balance": func(f *Typed) { f.Balance = big.NewInt(5) }, "no balance": func(f *Typed) { f.Balance = nil },
	} {
		typed := evmFacts(t, k)
		change(&typed)
		held, err := k.RedeemOwn(typed, false)
		wantReason(t, err, "RESCUE_HELD")
		if held.Raw != "" {
			t.Errorf("%s: the secret is out", name)
		}
		if told, err := k.RedeemOwn(typed, true); err != nil || len(told.Warnings) < 2 {
			t.Errorf("%s: %+v, %v", name, told.Warnings, err)
		}
	}
}
