package store_test

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/store"
)

// draft is the first record of the n-th agreement.
func draft(t rapid.TB, n uint64) agreement.Record {
	t.Helper()
	terms := signed(t, n).Terms
	at := epoch.Add(time.Duration(n/2) * time.Second).UTC() // some of one age
	return agreement.Record{
		State: agreement.StateDraft, Initiator: true, Offer: htlc.NewOffer(terms.Parties[0], terms.SecretHash, terms.Salt),
		Since: []uint64{7, 8}, Request: fmt.Sprintf("desk/%d", n), CreatedAt: at, UpdatedAt: at,
	}
}

// bound is the n-th agreement with the Terms of outage seconds.
func bound(t rapid.TB, n uint64, outage uint32) agreement.Record {
	t.Helper()
	r := draft(t, n)
	r.State, r.Terms = agreement.StateBound, signed(t, n).Terms
	r.Terms.Outage = outage
	r.Signatures[1] = htlc.SignTerms(partyKey(2), r.Terms)
	return r
}

func agreed(t rapid.TB, n uint64) agreement.Record {
	t.Helper()
	r := bound(t, n, 600)
	r.State, r.Signatures[0] = agreement.StateAgreed, htlc.SignTerms(partyKey(1), r.Terms)
	return r
}

func findAgreement(t *testing.T, a *store.Agreements, key agreement.Key, want agreement.Record) {
	t.Helper()
	got, err := a.Find(ctx, key)
	must(t, err)
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("read %+v, want %+v", got, want)
	}
}

func testAgreements(t *testing.T, dsn string) {
	s := open(t, dsn)
	a, r := s.Agreements(), draft(t, 1)
	for _, none := range []agreement.Key{{}, {Offer: r.ID()}, {Swap: htlc.SwapID{1}}, {Request: r.Request}} {
		_, err := a.Find(ctx, none)
		wantErr(t, err, agreement.ErrNotFound)
	}
	wantErr(t, a.Update(ctx, r, agreement.StateDraft), agreement.ErrNotFound)
	must(t, a.Insert(ctx, r))
	findAgreement(t, a, agreement.Key{Offer: r.ID()}, r)
	findAgreement(t, a, agreement.Key{Request: r.Request}, r)

	next := r
	next.State = agreement.StateOffered
	must(t, a.Update(ctx, next, agreement.StateDraft))
	wantErr(t, a.Update(ctx, next, agreement.StateDraft), agreement.ErrConflict)
	next = agreed(t, 1)
	must(t, a.Update(ctx, next, agreement.StateOffered))
	must(t, s.Close())
	a = open(t, dsn).Agreements()
	findAgreement(t, a, agreement.Key{Offer: r.ID()}, next)
	findAgreement(t, a, agreement.Key{Swap: next.Swap()}, next)

	for name, alter := range map[string]func(*agreement.Record){
		"secret hash": func(r *agreement.Record) { r.Offer.SecretHash[0]++ },
		"request":     func(r *agreement.Record) { r.Request = "another" },
		"creation":    func(r *agreement.Record) { r.CreatedAt = r.CreatedAt.Add(time.Second) },
	} {
		bad := next
		alter(&bad)
		if err := a.Update(ctx, bad, agreement.StateAgreed); !errors.Is(err, agreement.ErrConflict) {
			t.Errorf("changed the %s: %v", name, err)
		}
	}
	broken := next
	broken.Signatures[0] = htlc.Signature{}
	wantErr(t, a.Update(ctx, broken, agreement.StateAgreed), agreement.ErrStored)
	wantErr(t, a.Insert(ctx, broken), agreement.ErrStored)
	findAgreement(t, a, agreement.Key{Offer: r.ID()}, next)
}

// testAgreementForLife is the store's half of safety row A9: salt, secret hash
// and request id serve once, even after the agreement came to nothing.
func testAgreementForLife(t *testing.T, dsn string) {
	a, r := open(t, dsn).Agreements(), draft(t, 1)
	must(t, a.Insert(ctx, r))
	over := r
	over.State, over.Settled = agreement.StateCancelled, true
	must(t, a.Update(ctx, over, agreement.StateDraft))

	other := draft(t, 2)
	same := other
	same.Offer.Salt = r.Offer.Salt
	wantErr(t, a.Insert(ctx, same), agreement.ErrHashUsed)
	same = other
	same.Offer.SecretHash = r.Offer.SecretHash
	wantErr(t, a.Insert(ctx, same), agreement.ErrHashUsed)
	same = other
	same.Request = r.Request
	wantErr(t, a.Insert(ctx, same), agreement.ErrConflict)
	wantErr(t, a.Insert(ctx, r), agreement.ErrConflict)
	r.Request = ""
	wantErr(t, a.Insert(ctx, r), agreement.ErrHashUsed)
	findAgreement(t, a, agreement.Key{Offer: r.ID()}, over)

	// Any number of them has no request id.
	for n := range uint64(3) {
		nameless := draft(t, 10+n)
		nameless.Request = ""
		must(t, a.Insert(ctx, nameless))
	}
	_, err := a.Find(ctx, agreement.Key{})
	wantErr(t, err, agreement.ErrNotFound)
}

// testAgreementBoundOnce: of rival acceptances one is bound, and it stays.
func testAgreementBoundOnce(t *testing.T, dsn string) {
	a, r := open(t, dsn).Agreements(), draft(t, 1)
	r.State = agreement.StateOffered
	must(t, a.Insert(ctx, r))
	const rivals = 8
	errs := make(chan error, rivals)
	for n := range uint32(rivals) {
		rival := bound(t, 1, 600+n)
		go func() { errs <- a.Update(ctx, rival, agreement.StateOffered) }()
	}
	won := 0
	for range rivals {
		if err := <-errs; err == nil {
			won++
		} else {
			wantErr(t, err, agreement.ErrConflict)
		}
	}
	if won != 1 {
		t.Fatalf("%d acceptances were bound", won)
	}
	got, err := a.Find(ctx, agreement.Key{Offer: r.ID()})
	must(t, err)
	other := bound(t, 1, got.Terms.Outage+rivals)
	wantErr(t, a.Update(ctx, other, agreement.StateBound), agreement.ErrConflict)
	// Nor does the swap go away again.
	gone := got
	gone.State, gone.Terms = agreement.StateCancelled, htlc.Terms{}
	wantErr(t, a.Update(ctx, gone, agreement.StateBound), agreement.ErrConflict)
	findAgreement(t, a, agreement.Key{Swap: got.Swap()}, got)
}

func testAgreementLists(t *testing.T, dsn string) {
	a := open(t, dsn).Agreements()
	want := map[htlc.Salt]bool{}
	const all = 300 // more than a page holds
	for n := range uint64(all) {
		r := draft(t, n)
		r.Settled = n%50 == 0
		if !r.Settled {
			want[r.ID()] = true
		}
		must(t, a.Insert(ctx, r))
	}
	unsettled, err := a.Unsettled(ctx)
	must(t, err)
	for _, r := range unsettled {
		if !want[r.ID()] {
			t.Fatalf("%s came twice, or is settled", r.ID())
		}
		delete(want, r.ID())
	}
	if len(want) != 0 {
		t.Fatalf("%d are missing", len(want))
	}
	for _, limit := range []int{1, 7, all, 0} {
		before, id, seen := time.UnixMicro(math.MaxInt64/2), htlc.Salt{}, 0
		for {
			page, err := a.Recent(ctx, before, id, limit)
			must(t, err)
			for _, r := range page {
				if at := r.CreatedAt; at.After(before) || at.Equal(before) && string(r.Offer.Salt[:]) >= string(id[:]) {
					t.Fatal("not the newest first")
				}
				before, id = r.CreatedAt, r.ID()
			}
			seen += len(page)
			if len(page) == 0 {
				break
			}
		}
		if seen != all {
			t.Fatalf("by %d: %d records", limit, seen)
		}
	}
}

// TestAgreementDamaged: what does not agree with its columns is not handed
// out.
func TestAgreementDamaged(t *testing.T) {
	for _, damage := range []string{
		"UPDATE agreements SET state = 'bound'",
		"UPDATE agreements SET settled = 1",
		"UPDATE agreements SET request = 'other'",
		"UPDATE agreements SET created_at = 1",
		"UPDATE agreements SET secret_hash = salt",
		"UPDATE agreements SET salt = secret_hash",
		"UPDATE agreements SET swap = salt",
		"UPDATE agreements SET body = x'7b7d'",
	} {
		dsn := sqliteDSN(t)
		a, r := open(t, dsn).Agreements(), agreed(t, 1)
		must(t, a.Insert(ctx, r))
		_, err := peek(t, dsn).Exec(damage)
		must(t, err)
		if _, err := a.Recent(ctx, epoch.Add(time.Hour), r.ID(), 1); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: %v", damage, err)
		}
	}
	dsn := sqliteDSN(t)
	must(t, open(t, dsn).Agreements().Insert(ctx, agreed(t, 1)))
	for _, bad := range []string{
		"UPDATE agreements SET swap = NULL", "UPDATE agreements SET state = 'odd'", "UPDATE agreements SET swap = x'00'",
	} {
		if _, err := peek(t, dsn).Exec(bad); err == nil {
			t.Errorf("accepted: %s", bad)
		}
	}
}
