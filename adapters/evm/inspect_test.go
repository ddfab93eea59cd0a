package evm_test

import (
	"context"
	"log/slog"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/adapters/evm/contracts"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
	"github.com/kofo-network/kofo/htlc"
)

// asking records what an account is asked to sign.
type asking struct {
	evmtest.Signer
	payloads [][]byte
	answer   func([]byte) []byte
}

func (a *asking) SignTransaction(ctx context.Context, payload []byte) ([]byte, error) {
	a.payloads = append(a.payloads, payload)
	signature, err := a.Signer.SignTransaction(ctx, payload)
	if a.answer != nil {
		signature = a.answer(signature)
	}
	return signature, err
}

func (k *kit) outside(p *party) *asking {
	k.t.Helper()
	s := &asking{Signer: evmtest.Signer{Account: p.account}}
	a, err := evm.Open(k.Context(), k.config(), s, p.book, p.book, slog.New(slog.DiscardHandler))
	if err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(a.Close)
	p.Adapter = a
	return s
}

func (a *asking) last(t *testing.T, kind evm.CallKind) evm.Inspection {
	t.Helper()
	seen, err := evm.Inspect(a.payloads[len(a.payloads)-1], a.Account.Address)
	if err != nil || seen.Kind != kind || seen.MaxFee.Sign() <= 0 || seen.Text == "" {
		t.Fatalf("seen %+v, want a %s: %v", seen, kind, err)
	}
	return seen
}

// Each transaction of an account can be read back from what its signer gets.
func TestEveryTransactionIsInspected(t *testing.T) {
	k := newKit(t)
	payer, payee := k.outside(k.payer), k.outside(k.payee)
	terms := k.terms("swap", 1, nativeAsset, evmtest.Ether)
	id, from, to, err := evm.ContractOf(terms, 1)
	if err != nil || from != k.payer.account.Address || to != k.payee.account.Address {
		t.Fatalf("%s pays %s: %v", from, to, err)
	}
	k.fund("swap", terms)
	if seen := payer.last(t, evm.CallFund); len(seen.Contracts) != 1 || seen.Contracts[0] != id {
		t.Errorf("fund %+v, want %s", seen, id)
	}
	k.Commit()
	k.redeem(terms, 1)
	if seen := payee.last(t, evm.CallClose); len(seen.Contracts) != 1 || seen.Contracts[0] != id {
		t.Errorf("redeem %+v, want %s", seen, id)
	}
	_, err = k.payer.Withdraw(k.Context(), adapters.Withdrawal{
		RequestID: "w", Asset: nativeAsset, To: common.Address{7}.Hex(), Amount: htlc.NewAmount(11),
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen := payer.last(t, evm.CallPay); seen.To != (common.Address{7}) || seen.Amount != htlc.NewAmount(11) || seen.Asset != nativeAsset {
		t.Errorf("pay %+v", seen)
	}
}

// A signature of another key, or of something else, is not stored.
func TestWrongSignatureIsRefused(t *testing.T) {
	k := newKit(t)
	payer := k.outside(k.payer)
	withdraw := adapters.Withdrawal{RequestID: "w", Asset: nativeAsset, To: common.Address{7}.Hex(), Amount: htlc.NewAmount(11)}
	for name, answer := range map[string]func([]byte) []byte{
		"short":       func(s []byte) []byte { return s[:64] },
		"nothing":     func([]byte) []byte { return nil },
		"another key": func(s []byte) []byte { s[64] ^= 1; return s },
		"altered":     func(s []byte) []byte { s[5] ^= 1; return s },
	} {
		payer.answer = answer
		_, err := k.payer.Withdraw(k.Context(), withdraw)
		if err == nil {
			t.Errorf("%s: taken", name)
			continue
		}
		wantReason(t, err, adapters.ErrMismatch, "SIGNER_ANSWER_WRONG")
	}
}

// Nothing but the known kinds is ever signed.
func TestInspectRefusesTheUnknown(t *testing.T) {
	own, other, token := common.Address{1}, common.Address{2}, common.Address{3}
	approve := common.FromHex("095ea7b3" + strings.Repeat("0", 24) + other.Hex()[2:] + strings.Repeat("f", 64))
	for name, u := range map[string]evm.Unsigned{
		"a call of somebody":     {To: other, Data: []byte{1, 2, 3, 4}},
		"an approval of another": {To: token, Data: approve},
		"an approval with coins": {To: token, Data: approve, Value: big.NewInt(1)},
		"coins for nothing":      {To: contracts.Address(), Value: big.NewInt(1)},
		"an unknown method":      {To: contracts.Address(), Data: []byte{1, 2, 3, 4}},
		"a short transfer":       {To: token, Data: common.FromHex("a9059cbb00")},
	} {
		u.ChainID, u.Gas, u.Tip, u.FeeCap = 1337, 21_000, gwei(1), gwei(2)
		if u.Value == nil {
			u.Value = new(big.Int)
		}
		payload, err := u.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if seen, err := evm.Inspect(payload, own); err == nil {
			t.Errorf("%s: taken as %+v", name, seen)
		}
	}
}
