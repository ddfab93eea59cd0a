package evm

import (
	"bytes"
	"crypto/sha256"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/params"
	"pgregory.net/rapid"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/evm/bindings"
	"github.com/kofo-network/kofo/htlc"
)

func drawRecord(t *rapid.T, funder common.Address) record {
	bytes20 := func(label string) common.Address {
		return common.BytesToAddress(rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, label))
	}
	raw := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "secret")
	r := record{
		leg: bindings.HtlcLeg{
			Funder: funder, Lane: rapid.Uint64().Draw(t, "lane"), Sequence: rapid.Uint64().Draw(t, "sequence"),
			Payee: bytes20("payee"), RefundTo: bytes20("refundTo"),
			Amount:   new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "amount")),
			TimeLock: rapid.Uint64().Draw(t, "timeLock"),
		},
		hash: sha256.Sum256(raw),
	}
	if rapid.Bool().Draw(t, "token") {
		r.leg.Token = bytes20("tokenAddress")
	}
	return r
}

// What is encoded for the deployment is read back with the same id, alone and in batches.
func TestCallsRoundTrip(t *testing.T) {
	reader, err := parseCalls()
	if err != nil {
		t.Fatal(err)
	}
	domain := common.Hash{1, 2, 3}
	rapid.Check(t, func(t *rapid.T) {
		funder := common.BytesToAddress(rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, "funder"))
		r := drawRecord(t, funder)
		raw := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "other")
		secret := [32]byte(raw)
		redeemed := r
		redeemed.hash = sha256.Sum256(raw)
		many := big.NewInt(1)
		for _, c := range []struct {
			data []byte
			kind adapters.FactKind
			want record
		}{
			{r.fundData(), adapters.Funded, r},
			{htlcCode.PackRefund(r.leg, r.hash), adapters.Refunded, r},
			{htlcCode.PackRefundMany([]bindings.HtlcReclaim{{Leg: r.leg, SecretHash: r.hash}}, many), adapters.Refunded, r},
			{htlcCode.PackRefundByConsent(r.leg, r.hash, 27, [32]byte{1}, [32]byte{2}), adapters.ClosedByConsent, r},
			{htlcCode.PackRedeem(r.leg, secret), adapters.Redeemed, redeemed},
			{htlcCode.PackRedeemMany([]bindings.HtlcRedemption{{Leg: r.leg, Secret: secret}}, many), adapters.Redeemed, redeemed},
		} {
			got := reader.decode(funder, r.value(), c.data)
			if len(got) != 1 || got[0].kind != c.kind || got[0].record.id(domain) != c.want.id(domain) {
				t.Fatalf("read back %+v", got)
			}
			if c.kind == adapters.Redeemed && got[0].secret.Reveal() != secret {
				t.Fatal("another secret")
			}
		}
	})
}

// Every field changes the id, and an id is never a sequence number.
func TestIDCoversEveryField(t *testing.T) {
	domain := common.Hash{9}
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t, common.Address{7})
		id := r.id(domain)
		if id.Big().Bit(openBit) != 1 {
			t.Fatal("an id without its mark")
		}
		for name, alter := range map[string]func(*record){
			"funder": func(r *record) { r.leg.Funder[0] ^= 1 }, "lane": func(r *record) { r.leg.Lane ^= 1 },
			"sequence": func(r *record) { r.leg.Sequence ^= 1 }, "payee": func(r *record) { r.leg.Payee[3] ^= 1 },
			"refund": func(r *record) { r.leg.RefundTo[19] ^= 1 }, "token": func(r *record) { r.leg.Token[1] ^= 1 },
			"amount": func(r *record) { r.leg.Amount = new(big.Int).Xor(r.leg.Amount, common.Big1) },
			"lock":   func(r *record) { r.leg.TimeLock ^= 1 }, "hash": func(r *record) { r.hash[31] ^= 1 },
		} {
			altered := r
			alter(&altered)
			if altered.id(domain) == id {
				t.Fatalf("%s is not in the id", name)
			}
		}
		if r.id(common.Hash{8}) == id {
			t.Fatal("the domain is not in the id")
		}
	})
}

// Whatever the mempool holds, reading it neither panics nor invents a secret that does not open its record.
func FuzzDecodeCalls(f *testing.F) {
	reader, err := parseCalls()
	if err != nil {
		f.Fatal(err)
	}
	r := record{leg: bindings.HtlcLeg{Amount: big.NewInt(5), Lane: 1}, hash: htlc.SecretHash{1}}
	f.Add(r.fundData())
	f.Add(htlcCode.PackRedeem(r.leg, [32]byte{1}))
	f.Add(htlcCode.PackRefund(r.leg, r.hash))
	f.Add(htlcCode.PackRefundByConsent(r.leg, r.hash, 28, [32]byte{1}, [32]byte{2}))
	f.Add(htlcCode.PackRedeemMany([]bindings.HtlcRedemption{{Leg: r.leg}}, big.NewInt(1)))
	f.Add(htlcCode.PackRefundMany([]bindings.HtlcReclaim{{Leg: r.leg}}, big.NewInt(1)))
	f.Add(htlcCode.PackFundMany([]bindings.HtlcFunding{{Amount: big.NewInt(1)}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		input := bytes.Clone(data)
		for _, in := range reader.decode(common.Address{1}, big.NewInt(1), data) {
			if in.secret != nil && !in.secret.Opens(in.record.hash) {
				t.Fatal("a secret that does not open its record")
			}
			in.record.id(common.Hash{})
		}
		if !bytes.Equal(input, data) {
			t.Fatal("the input was changed")
		}
	})
}

// The fee rises monotonously to the budget and never beyond it or the balance.
func TestClimbStaysInBudget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		wei := func(label string, most int64) *big.Int { return big.NewInt(rapid.Int64Range(1, most).Draw(t, label)) }
		base, tip := wei("base", 1e12), wei("tip", 1e11)
		market := price{tip: tip, cap: new(big.Int).Add(new(big.Int).Lsh(base, 1), tip)}
		limit := uint64(rapid.Int64Range(21_000, 1_000_000).Draw(t, "limit"))
		budgetWei, left := wei("budget", 4e18), wei("left", 4e18)
		budget, err := htlc.AmountFromBig(budgetWei)
		if err != nil {
			t.Fatal(err)
		}
		last := new(big.Int)
		for _, now := range []int64{0, 6_000, 7_000, 8_000, 9_999, 10_000, 20_000} {
			policy := adapters.FeePolicy{Now: now, Deadline: 10_000, Budget: budget}
			p, err := climb(market, base, policy, DefaultClimbWindow, limits{units: limit, left: left})
			if err != nil {
				if new(big.Int).Div(minOf(minOf(budgetWei, left), relayCap), new(big.Int).SetUint64(limit)).Cmp(base) > 0 {
					t.Fatalf("refused with means: %v", err)
				}
				return
			}
			cost := times(limit, p.cap)
			if cost.Cmp(budgetWei) > 0 || cost.Cmp(left) > 0 || cost.Cmp(relayCap) > 0 || p.tip.Cmp(p.cap) > 0 || p.cap.Cmp(last) < 0 {
				t.Fatalf("at %d: %+v, cost %s", now, p, cost)
			}
			last = p.cap
		}
	})
}

// However large the budget, a fee stays below what nodes relay.
func TestClimbStaysBelowTheRelayCap(t *testing.T) {
	ether := new(big.Int).Mul(big.NewInt(5), big.NewInt(params.Ether))
	budget, err := htlc.AmountFromBig(ether)
	if err != nil {
		t.Fatal(err)
	}
	market := price{tip: big.NewInt(1), cap: big.NewInt(3)}
	p, err := climb(market, common.Big1, adapters.FeePolicy{Now: 5, Deadline: 5, Budget: budget}, 60, limits{units: 100_000, left: ether})
	if err != nil || times(100_000, p.cap).Cmp(relayCap) > 0 || p.cap.Cmp(market.cap) <= 0 {
		t.Fatalf("price %+v: %v", p, err)
	}
}
