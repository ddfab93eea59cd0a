package tower

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/kofo-network/kofo/htlc"
)

func refundPackage() Package {
	return Package{
		Kind: Refund, Chain: "bip122:regtest", Target: "00ff:1", Opens: 1_800_000_000, Confirmations: 3,
		Ladder: []Rung{{FeeRate: 1000, Raw: []byte{1}}, {FeeRate: 5000, Raw: []byte{2}}},
	}
}

func TestPackageComesBack(t *testing.T) {
	hash := htlc.SecretHash{7}
	for _, c := range []struct {
		name   string
		give   Package
		opener Opener
	}{
		{"refund", refundPackage(), RefundOpener("aa:0")},
		{"redeem", Package{
			Kind: Redeem, Chain: "eip155:1337", Target: "0x01", Opens: 1, Confirmations: 1, Call: []byte{4, 5},
		}, RedeemOpener(hash)},
	} {
		t.Run(c.name, func(t *testing.T) {
			sealed, err := Seal(c.give, c.opener)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Open(sealed, c.opener)
			if err != nil || !reflect.DeepEqual(got, c.give) {
				t.Fatalf("%+v, %v", got, err)
			}
			if strings.Contains(string(sealed), string(c.give.Chain)) {
				t.Error("the sealed package names its chain")
			}
			again, err := Seal(c.give, c.opener)
			if err != nil || string(again) == string(sealed) {
				t.Errorf("two seals of one package are alike (%v)", err)
			}
		})
	}
}

// Only what the chains show opens a package, and only as what it is.
func TestOnlyTheOpenerOpens(t *testing.T) {
	sealed, err := Seal(refundPackage(), RefundOpener("aa:0"))
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]Opener{
		"another funding": RefundOpener("aa:1"), "as a redeem": {Redeem, "aa:0"},
	} {
		if _, err := Open(sealed, o); !errors.Is(err, ErrSealed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range sealed {
		altered := append([]byte(nil), sealed...)
		altered[i] ^= 1
		if _, err := Open(altered, RefundOpener("aa:0")); !errors.Is(err, ErrSealed) {
			t.Fatalf("byte %d altered: %v", i, err)
		}
	}
}

func TestBadPackagesAreNotSealed(t *testing.T) {
	for name, spoil := range map[string]func(*Package){
		"kind":          func(p *Package) { p.Kind = "gift" },
		"chain":         func(p *Package) { p.Chain = "" },
		"target":        func(p *Package) { p.Target = "" },
		"time lock":     func(p *Package) { p.Opens = 0 },
		"depth":         func(p *Package) { p.Confirmations = 0 },
		"great depth":   func(p *Package) { p.Confirmations = 10_001 },
		"no spend":      func(p *Package) { p.Ladder = nil },
		"both":          func(p *Package) { p.Call = []byte{1} },
		"falling rungs": func(p *Package) { p.Ladder[1].FeeRate = 1 },
		"empty rung":    func(p *Package) { p.Ladder[0].Raw = nil },
		"many rungs": func(p *Package) {
			p.Ladder = nil
			for i := range MaxRungs + 1 {
				p.Ladder = append(p.Ladder, Rung{FeeRate: uint64(i + 1), Raw: []byte{1}})
			}
		},
		"size": func(p *Package) { p.Ladder[0].Raw = make([]byte, MaxPackage) },
	} {
		p := refundPackage()
		spoil(&p)
		if _, err := Seal(p, RefundOpener("aa:0")); !errors.Is(err, ErrPackage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Seal(refundPackage(), RedeemOpener(htlc.SecretHash{})); !errors.Is(err, ErrPackage) {
		t.Errorf("wrong opener: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	sealed, err := Seal(refundPackage(), RefundOpener("aa:0"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := Open(data, RefundOpener("aa:0")); err == nil && p.Validate() != nil {
			t.Fatal("an invalid package was opened")
		}
	})
}

// What is inside comes from somebody whom the tower does not know.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"version":1,"kind":"refund","chain":"c","target":"t","opens":1,"confirmations":1,"call":"AQ=="}`))
	f.Add([]byte(`{"version":2}`))
	f.Add([]byte(`{} {}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := decode(data, Refund)
		if err != nil {
			return
		}
		sealed, err := Seal(p, RefundOpener("x"))
		if err != nil {
			return // larger than a package may be
		}
		if _, err := Open(sealed, RefundOpener("x")); err != nil {
			t.Fatal(err)
		}
	})
}
