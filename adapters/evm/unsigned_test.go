package evm_test

import (
	"bytes"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"

	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/adapters/evm/contracts"
	"github.com/kofo-network/kofo/adapters/evm/evmtest"
	"github.com/kofo-network/kofo/htlc"
)

func unsignedRefund(t testing.TB, terms htlc.Terms, leg int) evm.Unsigned {
	t.Helper()
	call, err := evm.RefundCalldata(terms, leg)
	if err != nil {
		t.Fatal(err)
	}
	return evm.Unsigned{ChainID: 1337, Nonce: 3, Gas: 90_000, Tip: gwei(1), FeeCap: gwei(20), To: call.To, Value: new(big.Int), Data: call.Data}
}

func anyTerms() htlc.Terms {
	return htlc.Terms{
		Hash: htlc.HashSHA256, SecretHash: secret(1).Hash(), Legs: []htlc.Leg{{
			Asset: nativeAsset, Amount: htlc.NewAmount(5), PayerKey: common.Address{1}.Bytes(), PayeeKey: common.Address{2}.Bytes(),
			Deployment: contracts.Address().Bytes(), TimeLock: 9,
		}},
	}
}

// The bytes are those that go-ethereum would sign; signed elsewhere they are a transaction of that account.
func TestUnsigned(t *testing.T) {
	u := unsignedRefund(t, anyTerms(), 0)
	payload, err := u.Encode()
	if err != nil {
		t.Fatal(err)
	}
	tx := types.NewTx(&types.DynamicFeeTx{
		ChainID: big.NewInt(1337), Nonce: u.Nonce, GasTipCap: u.Tip, GasFeeCap: u.FeeCap, Gas: u.Gas, To: &u.To, Value: u.Value, Data: u.Data,
	})
	digest := crypto.Keccak256Hash(payload)
	if want := types.LatestSignerForChainID(big.NewInt(1337)).Hash(tx); digest != want {
		t.Fatalf("digest %s, want %s", digest, want)
	}
	if text := u.Summary(); !strings.Contains(text, "refund 5 of the chain's own coin") || !strings.Contains(text, "fee at most 1800000000000000 wei") {
		t.Fatal(text)
	}
	key, err := crypto.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	account := evmtest.Account{Key: key, Address: crypto.PubkeyToAddress(key.PublicKey)}
	signature, err := evmtest.Signer{Account: account}.SignHash(digest)
	if err != nil {
		t.Fatal(err)
	}
	raw, by, err := evm.Signed(payload, signature)
	if err != nil || by != account.Address {
		t.Fatalf("signed by %s: %v", by, err)
	}
	var back types.Transaction
	if err := back.UnmarshalBinary(raw); err != nil || !bytes.Equal(back.Data(), u.Data) || back.Nonce() != u.Nonce {
		t.Fatalf("another transaction, %s: %v", back.Hash(), err)
	}
	signature[64] += 27
	for name, bad := range map[string][]byte{"v of 27": signature, "short": signature[:64], "none": nil, "zero": make([]byte, 65)} {
		if _, by, err := evm.Signed(payload, bad); err == nil {
			t.Errorf("%s: signed by %s", name, by)
		}
	}
	if _, _, err := evm.Signed(append(payload, 0), make([]byte, 65)); err == nil {
		t.Error("trailing bytes")
	}
}

// A wallet computes from the typed data what the deployment checks.
func TestConsentTypedData(t *testing.T) {
	terms := anyTerms()
	raw, err := evm.ConsentTypedData(terms, 0)
	if err != nil {
		t.Fatal(err)
	}
	var data apitypes.TypedData
	if err := json.Unmarshal(raw, &data); err != nil {
		t.Fatal(err)
	}
	digest, _, err := apitypes.TypedDataAndHash(data)
	if err != nil {
		t.Fatal(err)
	}
	call, err := evm.RefundCalldata(terms, 0)
	if err != nil {
		t.Fatal(err)
	}
	if want := contracts.ConsentDigest(contracts.Domain(big.NewInt(1337), call.To), call.Contract); common.BytesToHash(digest) != want {
		t.Fatalf("digest %x, want %s", digest, want)
	}
}

func FuzzDecodeUnsigned(f *testing.F) {
	payload, err := unsignedRefund(f, anyTerms(), 0).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(payload)
	f.Fuzz(func(t *testing.T, payload []byte) {
		u, err := evm.DecodeUnsigned(payload)
		if err != nil {
			return
		}
		again, err := u.Encode()
		if err != nil || !bytes.Equal(again, payload) {
			t.Fatalf("%x is read as %s: %v", payload, u.Summary(), err)
		}
	})
}
