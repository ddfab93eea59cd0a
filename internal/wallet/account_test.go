package wallet

import (
	"encoding/hex"
	"errors"
	"sync"
	"testing"

	"github.com/btcsuite/btcd/address/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/chaincfg/v2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
)

func TestBIP86Vectors(t *testing.T) {
	var vectors struct {
		Mnemonic    string
		AccountXPub string `json:"account_xpub"`
		Keys        []struct {
			Branch      Branch
			Index       uint32
			InternalKey string `json:"internal_key"`
			OutputKey   string `json:"output_key"`
			Address     string
		}
	}
	readVectors(t, "bip86.json", &vectors)
	if len(vectors.Keys) != 3 {
		t.Fatalf("%d vectors, not 3", len(vectors.Keys))
	}
	account, err := mustKeys(t, vectors.Mnemonic).BitcoinAccount(&chaincfg.MainNetParams)
	if err != nil {
		t.Fatal(err)
	}
	if account.RevealXPub() != vectors.AccountXPub {
		t.Errorf("account %s", account.RevealXPub())
	}
	for _, v := range vectors.Keys {
		key, err := account.Key(v.Branch, v.Index)
		if err != nil {
			t.Fatal(err)
		}
		if internal := key.XOnly(); hex.EncodeToString(internal[:]) != v.InternalKey {
			t.Errorf("%d/%d: internal key %x", v.Branch, v.Index, internal)
		}
		output := schnorr.SerializePubKey(txscript.ComputeTaprootKeyNoScript(key.Reveal().PubKey()))
		if hex.EncodeToString(output) != v.OutputKey {
			t.Errorf("%d/%d: output key %x", v.Branch, v.Index, output)
		}
		addr, err := address.NewAddressTaproot(output, &chaincfg.MainNetParams)
		if err != nil || addr.EncodeAddress() != v.Address {
			t.Errorf("%d/%d: address %v, %v", v.Branch, v.Index, addr, err)
		}
	}
}

// TestCoinTypesDiffer: keys of a test network never appear on the main one.
func TestCoinTypesDiffer(t *testing.T) {
	keys := mustKeys(t, abandon)
	seen := make(map[[33]byte]string)
	for _, net := range []*chaincfg.Params{&chaincfg.MainNetParams, &chaincfg.RegressionNetParams} {
		account, err := keys.BitcoinAccount(net)
		if err != nil {
			t.Fatal(err)
		}
		for _, branch := range []Branch{Receive, Change} {
			key, err := account.Key(branch, 7)
			if err != nil {
				t.Fatal(err)
			}
			if other, ok := seen[key.PublicKey()]; ok {
				t.Errorf("%s shares a key with %s", net.Name, other)
			}
			seen[key.PublicKey()] = net.Name
		}
	}
}

func TestBitcoinAccountRefusals(t *testing.T) {
	keys := mustKeys(t, abandon)
	account, err := keys.BitcoinAccount(&chaincfg.RegressionNetParams)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []struct {
		branch Branch
		index  uint32
	}{{2, 0}, {Receive, 1 << 31}} {
		if _, err := account.Key(path.branch, path.index); !errors.Is(err, ErrBadPath) {
			t.Errorf("%v: %v", path, err)
		}
	}
	unknown := chaincfg.RegressionNetParams
	unknown.HDPrivateKeyID = [4]byte{1, 2, 3, 4}
	if _, err := keys.BitcoinAccount(&unknown); !errors.Is(err, chaincfg.ErrUnknownHDKeyID) {
		t.Errorf("unregistered network: %v", err)
	}
	keys.Close()
	if _, err := keys.BitcoinAccount(&chaincfg.RegressionNetParams); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if _, err := account.Key(Receive, 0); err != nil {
		t.Errorf("an open account died with its root: %v", err)
	}
}

func TestBitcoinAccountByManyGoroutines(t *testing.T) {
	account, err := mustKeys(t, abandon).BitcoinAccount(&chaincfg.MainNetParams)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			if _, err := account.Key(Branch(i%2), uint32(i)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

// TestEVMAccount compares with addresses that every Ethereum wallet shows for
// these well-known phrases.
func TestEVMAccount(t *testing.T) {
	const test = "test test test test test test test test test test test junk"
	for _, tt := range []struct {
		words   string
		index   uint32
		address string
	}{
		{abandon, 0, "0x9858EfFD232B4033E47d90003D41EC34EcaEda94"},
		{test, 0, "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"},
		{test, 1, "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"},
	} {
		account, err := mustKeys(t, tt.words).EVMAccount(tt.index)
		if err != nil || account.Address().Hex() != tt.address {
			t.Errorf("%d of %q: %s, %v", tt.index, tt.words, account.Address(), err)
		}
	}
}

func TestEVMAccountSigns(t *testing.T) {
	account, err := mustKeys(t, abandon).EVMAccount(0)
	if err != nil {
		t.Fatal(err)
	}
	digest := common.Hash{1, 2, 3}
	signature, err := account.SignHash(digest)
	if err != nil {
		t.Fatal(err)
	}
	public, err := crypto.SigToPub(digest[:], signature)
	if err != nil || crypto.PubkeyToAddress(*public) != account.Address() {
		t.Errorf("signed by somebody else, %v", err)
	}
}
