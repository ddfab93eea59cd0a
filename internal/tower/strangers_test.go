package tower_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/tower"
	guarded "github.com/kofo-network/kofo/monitor/tower"
)

// A key costs nothing, so a quota for each party bounds nothing: without a bound of
// their number strangers fill the tower's disk, after which it can store no cursor
// and acts for nobody. Listed parties are served whatever strangers do.
func TestStrangersAreBoundedTogether(t *testing.T) {
	now := func() time.Time { return time.Unix(1_000_000, 0) }
	listed := htlc.PartyID{31: 1}
	s := newSite(t, now, tower.Terms{
		Listed: map[htlc.PartyID]guarded.Quota{listed: {Packages: 1, Longest: time.Hour}}, Strangers: guarded.Quota{Packages: 100, Longest: time.Hour},
	})
	const tried = 3000
	taken := 0
	for i := range uint32(tried) {
		var party htlc.PartyID
		binary.BigEndian.PutUint32(party[:], i+1)
		if _, err := s.host.Accept(t.Context(), party, ""); err == nil {
			taken++
		}
	}
	if taken == tried {
		t.Errorf("all of %d strangers may keep 100 packages of 64 KiB each: %d GiB", taken, taken*100*64>>20)
	}
	if _, err := s.host.Accept(t.Context(), listed, ""); err != nil {
		t.Errorf("a listed party: %v", err)
	}
	if _, err := s.host.Accept(t.Context(), htlc.PartyID{3: 1}, ""); err != nil {
		t.Errorf("a stranger who has agreed goes on: %v", err)
	}
}
