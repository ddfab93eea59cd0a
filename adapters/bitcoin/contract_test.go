package bitcoin

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"github.com/btcsuite/btcd/btcec/v2/schnorr/musig2"
	"github.com/btcsuite/btcd/txscript/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// vector is one contract, computed by a program that shares no code with the
// libraries used here.
type vector struct {
	Name          string `json:"name"`
	PayerPrivate  string `json:"payer_private"`
	PayeePrivate  string `json:"payee_private"`
	PayerKey      string `json:"payer_key"`
	PayeeKey      string `json:"payee_key"`
	Secret        string `json:"secret"`
	SecretHash    string `json:"secret_hash"`
	TimeLock      int64  `json:"time_lock"`
	RedeemScript  string `json:"redeem_script"`
	RefundScript  string `json:"refund_script"`
	InternalKey   string `json:"internal_key"`
	RedeemControl string `json:"redeem_control"`
	RefundControl string `json:"refund_control"`
	OutputScript  string `json:"output_script"`
	Regtest       string `json:"regtest_address"`
	Testnet       string `json:"testnet_address"`
}

func vectors(t testing.TB) []vector {
	t.Helper()
	raw, err := os.ReadFile("testdata/contracts.json")
	if err != nil {
		t.Fatal(err)
	}
	var out []vector
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (v vector) terms(t testing.TB, params Params) htlc.Terms {
	t.Helper()
	return htlc.Terms{
		Version: htlc.Version, Hash: htlc.HashSHA256, SecretHash: htlc.SecretHash(unhex(t, v.SecretHash)), Salt: htlc.Salt{1},
		Parties: []htlc.PartyID{{1}, {2}},
		Legs: []htlc.Leg{{
			Payee: 1, Asset: params.Asset, Amount: htlc.NewAmount(1_000_000),
			PayerKey: unhex(t, v.PayerKey), PayeeKey: unhex(t, v.PayeeKey), MinConfirmations: 1, TimeLock: v.TimeLock,
		}},
	}
}

func (v vector) contract(t testing.TB) *contract {
	t.Helper()
	c, err := buildContract(Regtest(), v.terms(t, Regtest()), 0)
	if err != nil {
		t.Fatalf("%s: %v", v.Name, err)
	}
	return c
}

func (v vector) keys(t testing.TB) (payer, payee *btcec.PrivateKey) {
	payer, _ = btcec.PrivKeyFromBytes(unhex(t, v.PayerPrivate))
	payee, _ = btcec.PrivKeyFromBytes(unhex(t, v.PayeePrivate))
	return payer, payee
}

func (v vector) secret(t testing.TB) htlc.Secret {
	t.Helper()
	s, err := htlc.NewSecret(unhex(t, v.Secret))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		c := v.contract(t)
		testnet, err := buildContract(Testnet4(), v.terms(t, Testnet4()), 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, same := range [][2]string{
			{hex.EncodeToString(c.redeem.tap.Script), v.RedeemScript},
			{hex.EncodeToString(c.refund.tap.Script), v.RefundScript},
			{hex.EncodeToString(schnorr.SerializePubKey(c.internal)), v.InternalKey},
			{hex.EncodeToString(c.redeem.control), v.RedeemControl},
			{hex.EncodeToString(c.refund.control), v.RefundControl},
			{c.id, v.OutputScript}, {c.address, v.Regtest}, {testnet.address, v.Testnet},
		} {
			if same[0] != same[1] {
				t.Errorf("%s:\n got %s\nwant %s", v.Name, same[0], same[1])
			}
		}
	}
}

// The scripts byte by byte, as the package's documentation states them.
func TestScriptBytes(t *testing.T) {
	hash, key := htlc.SecretHash(bytes.Repeat([]byte{0xaa}, 32)), bytes.Repeat([]byte{0xbb}, 32)
	redeem, err := redeemScript(hash, key)
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Join([][]byte{
		{txscript.OP_SIZE, txscript.OP_DATA_1, 32, txscript.OP_EQUALVERIFY},
		{txscript.OP_SHA256, txscript.OP_DATA_32}, hash[:], {txscript.OP_EQUALVERIFY},
		{txscript.OP_DATA_32}, key, {txscript.OP_CHECKSIG},
	}, nil)
	if !bytes.Equal(redeem, want) || len(redeem) != 73 {
		t.Errorf("redeem\n got %x\nwant %x", redeem, want)
	}
	for lock, number := range map[uint32][]byte{
		1_700_000_000:             {0x00, 0xf1, 0x53, 0x65},
		math.MaxInt32:             {0xff, 0xff, 0xff, 0x7f},
		uint32(math.MaxInt32) + 1: {0x00, 0x00, 0x00, 0x80, 0x00},
	} {
		refund, err := refundScript(key, lock)
		if err != nil {
			t.Fatal(err)
		}
		want := bytes.Join([][]byte{
			{txscript.OP_DATA_32}, key, {txscript.OP_CHECKSIGVERIFY},
			{byte(len(number))}, number, {txscript.OP_CHECKLOCKTIMEVERIFY},
		}, nil)
		if !bytes.Equal(refund, want) {
			t.Errorf("refund %d\n got %x\nwant %x", lock, refund, want)
		}
	}
}

// signed spends a vector's contract to a script.
func signed(t testing.TB, s spending, key *btcec.PrivateKey) *wire.MsgTx {
	t.Helper()
	tx := s.unsigned(1_000)
	if err := s.sign(tx, key); err != nil {
		t.Fatal(err)
	}
	if err := s.check(tx); err != nil {
		t.Fatal(err)
	}
	return tx
}

func weight(tx *wire.MsgTx) int { return 3*tx.SerializeSizeStripped() + tx.SerializeSize() }

// Sizes in weight units, a quarter of a virtual byte: redeem 142.25 vB, refund
// 125.75 vB, both with one P2WPKH output; cooperative 99 vB.
func TestVirtualSizes(t *testing.T) {
	v := vectors(t)[0]
	c := v.contract(t)
	payer, payee := v.keys(t)
	p2wpkh := append([]byte{txscript.OP_0, txscript.OP_DATA_20}, make([]byte, 20)...)
	own := append([]byte{txscript.OP_1, txscript.OP_DATA_32}, schnorr.SerializePubKey(payee.PubKey())...)
	for _, s := range []struct {
		name string
		tx   *wire.MsgTx
		want int
	}{
		{"redeem to P2WPKH", signed(t, c.redeeming(wire.OutPoint{}, v.secret(t), p2wpkh), payee), 569},
		{"refund to P2WPKH", signed(t, c.refunding(wire.OutPoint{}, p2wpkh), payer), 503},
		{"redeem to own address", signed(t, c.redeeming(wire.OutPoint{}, v.secret(t), own), payee), 617},
		{"refund to own address", signed(t, c.refunding(wire.OutPoint{}, own), payer), 551},
		{"cooperative to P2WPKH", cooperative(t, v, c, p2wpkh), 396},
	} {
		t.Logf("%-22s %7.2f vB", s.name, float64(weight(s.tx))/4)
		if got := weight(s.tx); got != s.want {
			t.Errorf("%s: %d weight units, want %d", s.name, got, s.want)
		}
	}
	if redeem := c.redeeming(wire.OutPoint{}, v.secret(t), own); virtualSize(redeem.unsigned(0)) != redeemSize {
		t.Errorf("the quote's redeem has %d vB", virtualSize(redeem.unsigned(0)))
	}
	if refund := c.refunding(wire.OutPoint{}, own); virtualSize(refund.unsigned(0)) != refundSize {
		t.Errorf("the quote's refund has %d vB", virtualSize(refund.unsigned(0)))
	}
}

// cooperative spends by the key path, with a MuSig2 signature of both.
func cooperative(t testing.TB, v vector, c *contract, payout []byte) *wire.MsgTx {
	t.Helper()
	tx := wire.NewMsgTx(txVersion)
	tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{}, nil, nil))
	tx.AddTxOut(wire.NewTxOut(c.amount-1000, payout))
	fetcher := txscript.NewCannedPrevOutputFetcher(c.script, c.amount)
	hashes := txscript.NewTxSigHashes(tx, fetcher)
	digest, err := txscript.CalcTaprootSignatureHash(hashes, txscript.SigHashDefault, tx, 0, fetcher)
	if err != nil {
		t.Fatal(err)
	}
	tree := txscript.AssembleTaprootScriptTree(c.redeem.tap, c.refund.tap).RootNode.TapHash()
	var sessions [2]*musig2.Session
	payer, payee := v.keys(t)
	for i, key := range []*btcec.PrivateKey{payer, payee} {
		party, err := musig2.NewContext(key, true, musig2.WithKnownSigners([]*btcec.PublicKey{c.payer, c.payee}),
			musig2.WithTaprootTweakCtx(tree[:]))
		if err != nil {
			t.Fatal(err)
		}
		if sessions[i], err = party.NewSession(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := sessions[0].RegisterPubNonce(sessions[1].PublicNonce()); err != nil {
		t.Fatal(err)
	}
	if _, err := sessions[1].RegisterPubNonce(sessions[0].PublicNonce()); err != nil {
		t.Fatal(err)
	}
	var partial *musig2.PartialSignature
	for i, session := range sessions {
		sig, err := session.Sign([32]byte(digest))
		if err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			partial = sig
		}
	}
	if _, err := sessions[0].CombineSig(partial); err != nil {
		t.Fatal(err)
	}
	tx.TxIn[0].Witness = wire.TxWitness{sessions[0].FinalSig().Serialize()}
	if err := verifyInputs(tx, fetcher, hashes); err != nil {
		t.Fatal(err)
	}
	return tx
}

// Nobody alone has the key path: the internal key is the MuSig2 key of both.
func TestSafety_A3_KeyPathNeedsBoth(t *testing.T) {
	for _, v := range vectors(t) {
		c := v.contract(t)
		root := txscript.AssembleTaprootScriptTree(c.redeem.tap, c.refund.tap).RootNode.TapHash()
		fetcher := txscript.NewCannedPrevOutputFetcher(c.script, c.amount)
		payer, payee := v.keys(t)
		for name, key := range map[string]*btcec.PrivateKey{"payer": payer, "payee": payee} {
			tx := wire.NewMsgTx(txVersion)
			tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{}, nil, nil))
			tx.AddTxOut(wire.NewTxOut(c.amount-1000, c.script))
			hashes := txscript.NewTxSigHashes(tx, fetcher)
			signature, err := txscript.RawTxInTaprootSignature(tx, hashes, 0, c.amount, c.script, root[:], txscript.SigHashDefault, key)
			if err != nil {
				t.Fatal(err)
			}
			tx.TxIn[0].Witness = wire.TxWitness{signature}
			if verifyInputs(tx, fetcher, hashes) == nil {
				t.Errorf("%s: the %s alone spends by the key path", v.Name, name)
			}
		}
		cooperative(t, v, c, c.script)
	}
}

// A spend is known by its witness, with an annex or without.
func TestClassify(t *testing.T) {
	v := vectors(t)[0]
	c := v.contract(t)
	payer, payee := v.keys(t)
	set := newWatchSet()
	set.add(c, &wire.OutPoint{})
	w := set.points[wire.OutPoint{}]
	other := vectors(t)[2].contract(t)
	for name, s := range map[string]struct {
		witness wire.TxWitness
		want    adapters.FactKind
	}{
		"redeem":       {signed(t, c.redeeming(wire.OutPoint{}, v.secret(t), c.script), payee).TxIn[0].Witness, adapters.Redeemed},
		"refund":       {signed(t, c.refunding(wire.OutPoint{}, c.script), payer).TxIn[0].Witness, adapters.Refunded},
		"consent":      {cooperative(t, v, c, c.script).TxIn[0].Witness, adapters.ClosedByConsent},
		"other leaf":   {wire.TxWitness{{1}, other.refund.tap.Script, other.refund.control}, adapters.Mismatched},
		"wrong secret": {wire.TxWitness{{1}, make([]byte, 32), c.redeem.tap.Script, c.redeem.control}, adapters.Mismatched},
		"no witness":   {nil, adapters.Mismatched},
	} {
		annexed := append(append(wire.TxWitness{}, s.witness...), []byte{txscript.TaprootAnnexTag, 1})
		for _, witness := range []wire.TxWitness{s.witness, annexed} {
			if len(s.witness) == 0 && len(witness) > 0 {
				continue
			}
			fact := w.classify(witness)
			if fact.Kind != s.want || (fact.Secret != nil) != (s.want == adapters.Redeemed) {
				t.Errorf("%s: %+v", name, fact)
			}
		}
	}
}
