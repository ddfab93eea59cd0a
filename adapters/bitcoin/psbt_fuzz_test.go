package bitcoin

import (
	"errors"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// onlyKeys has one key for everything.
type onlyKeys struct{ key *btcec.PrivateKey }

func (k onlyKeys) copy() (*btcec.PrivateKey, error) { return btcec.PrivKeyFromScalar(&k.key.Key), nil }

func (k onlyKeys) Account(Branch, uint32) (*btcec.PrivateKey, error)   { return k.copy() }
func (k onlyKeys) Leg(htlc.Salt, Role, int) (*btcec.PrivateKey, error) { return k.copy() }

// Whatever comes as a PSBT, reading it ends, and what a wallet signs is what it
// was shown: the signatures it makes are taken for that transaction alone.
func FuzzPSBT(f *testing.F) {
	v := vectors(f)[0]
	c := v.contract(f)
	payer, _ := v.keys(f)
	keys := onlyKeys{payer}
	w := newWallet(&Adapter{params: Regtest(), signer: NewLocalSigner(keys)}, nil, nil)
	script, err := w.script(path{})
	failed(f, err)
	spend := c.refunding(wire.OutPoint{Index: 1}, script)
	c.terms = &htlc.Terms{Salt: htlc.Salt{1}}
	tx := spend.unsigned(1_000)
	tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{Index: 2}, nil, nil))
	ask := spend.signing(tx)
	ask.inputs = append(ask.inputs, signInput{prev: wire.NewTxOut(5_000, script)})
	ask.owned = map[int]path{0: {}}
	packet, err := ask.packet(1, w.a.accountKey)
	failed(f, err)
	raw, err := encodePSBT(packet)
	failed(f, err)
	f.Add(raw)
	signed, err := w.a.signer.SignPSBT(f.Context(), SignRequest{PSBT: raw})
	failed(f, err)
	f.Add(signed)
	if _, err := ask.collect(packet.UnsignedTx, signed); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, _ = ask.collect(packet.UnsignedTx, raw)
		for _, purpose := range []SignPurpose{ForRefund, ForWithdraw, ForCancel} {
			seen, err := Inspect(SignRequest{Chain: Regtest().Chain, Purpose: purpose, PSBT: raw}, w.a.signer.AccountKey)
			if err != nil && !errors.Is(err, adapters.ErrMismatch) {
				t.Fatal(err)
			}
			if err == nil && (seen.Fee < 0 || seen.String() == "") {
				t.Fatalf("%s", seen)
			}
		}
		_, _ = w.a.signer.SignPSBT(t.Context(), SignRequest{PSBT: raw})
	})
}
