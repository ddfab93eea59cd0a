package store_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/migrations"
	"github.com/kofo-network/kofo/monitor/engine"
)

// released are the schemas of which a dump must be there.
var released = []int64{1, 2, 3, 4, 7, 8, 13}

// fromTheirTime are those whose dumps were written by the program of that
// time. The others are rows of this program in the tables of that schema.
const fromTheirTime = 3

// life is one way through the phases of a swap, event by event.
type life struct {
	name    string
	events  []htlc.Event
	outcome htlc.Outcome
}

var seen = htlc.Observed{State: htlc.CheckPassed}

// lives reach every phase, each with a swap of its own number.
func lives(t testing.TB, n uint64) []life {
	t.Helper()
	const start = 1_900_000_000
	secret := func(n uint64) htlc.Secret { return secretOf(t, n) }
	at := func(height uint64) htlc.BlockID { return htlc.BlockID{Height: height, Hash: [32]byte{byte(height), 1}} }
	open := func(n uint64, self int) htlc.TermsSigned {
		e := signed(t, n)
		e.Self, e.Since = self, []uint64{90, 490}
		return e
	}
	tips := func(a, b uint64) []htlc.Event {
		return []htlc.Event{htlc.TipAdvanced{Leg: 0, Height: a, Clock: start}, htlc.TipAdvanced{Leg: 1, Height: b, Clock: start}}
	}
	fund := func(tx string) []htlc.Event {
		return []htlc.Event{htlc.FundingPrepared{TxID: tx}, htlc.FundingChecked{Facts: htlc.FundingFacts{
			Clock: start, StateRead: seen, RedeemRuns: seen, RedeemMeans: seen, TermsCopied: seen, DiskSpace: seen, BackEndsAgree: seen, Final: seen, ChainsCalm: seen,
		}}}
	}
	funded := []htlc.Event{htlc.LegFunded{Leg: 0, TxID: "f0", Ref: "f0:0", Block: at(101)}, htlc.LegFunded{Leg: 1, TxID: "f1", Ref: "slot1", Block: at(501)}}
	redeemed := func(n uint64) []htlc.Event {
		return []htlc.Event{
			htlc.LegRedeemed{Leg: 1, TxID: "r1", Ref: "slot1", Secret: secret(n), Block: at(504)},
			htlc.LegRedeemed{Leg: 0, TxID: "r0", Ref: "f0:0", Secret: secret(n), Block: at(104)},
		}
	}
	reveal := []htlc.Event{htlc.RedeemPrepared{TxID: "r1", Ref: "slot1"}, htlc.RevealChecked{Facts: htlc.RevealFacts{
		Clock: start, StateRead: seen, BackEndsAgree: seen, RedeemRuns: seen, RedeemMeans: seen, DiskSpace: seen, Final: seen, ChainsCalm: seen,
	}}, htlc.Submitted{Leg: 1, Purpose: htlc.PurposeRedeem, TxID: "r1"}}
	late := open(n+1, 0).Terms.Legs[0].TimeLock + 1
	return []life{
		{"initiator", slices.Concat([]htlc.Event{open(n, 0)}, tips(100, 500), fund("f0"), funded, tips(103, 503), reveal, redeemed(n), tips(110, 510)), htlc.OutcomeSwapped},
		{"refund", slices.Concat([]htlc.Event{open(n+1, 0)}, tips(100, 500), fund("f0"), funded[:1], []htlc.Event{
			htlc.TipAdvanced{Leg: 0, Height: 150, Clock: late}, htlc.LegRefunded{Leg: 0, TxID: "b0", Ref: "f0:0", Block: at(151)}, htlc.TipAdvanced{Leg: 0, Height: 160, Clock: late},
		}), htlc.OutcomeRefunded},
		{"participant", slices.Concat([]htlc.Event{open(n+2, 1)}, tips(100, 500), funded[:1], tips(103, 500)[:1], fund("f1"), funded[1:],
			[]htlc.Event{htlc.SecretSeen{Leg: 1, TxID: "r1", Secret: secret(n + 2)}}, redeemed(n+2), tips(110, 510)), htlc.OutcomeSwapped},
	}
}

// stage is a swap that stands where it has just reached a phase, with what is
// still to come.
type stage struct {
	name  string
	write engine.SwapWrite
	rest  []htlc.Event
	life  life
}

// stages has one swap for each phase of each life.
func stages(t testing.TB) []stage {
	t.Helper()
	var out []stage
	for i := range lives(t, 0) {
		reached := map[htlc.Phase]bool{}
		for cut := 1; ; cut++ {
			l := lives(t, uint64(40+10*len(out)))[i] // a swap of its own
			if cut > len(l.events) {
				break
			}
			w := step(t, htlc.Swap{}, l.events[:cut]...)
			if !reached[w.Swap.Phase] {
				reached[w.Swap.Phase] = true
				out = append(out, stage{l.name + "-" + w.Swap.Phase.String(), w, l.events[cut:], l})
			}
		}
	}
	return out
}

func TestStagesHaveEveryPhase(t *testing.T) {
	met := map[htlc.Phase]bool{htlc.PhaseNew: true} // is not stored
	for _, s := range stages(t) {
		met[s.write.Swap.Phase] = true
	}
	for _, p := range htlc.Phases() {
		if !met[p] {
			t.Errorf("no swap is %s", p)
		}
	}
}

// goOn tells every swap of the stages what follows, and expects it to end as
// its life does.
func goOn(t *testing.T, s *store.Store) {
	t.Helper()
	all := stages(t)
	now := map[htlc.SwapID]htlc.Swap{}
	for _, st := range all {
		record, err := s.Get(ctx, st.write.Swap.ID)
		if err != nil {
			t.Fatalf("%s: %v", st.name, err)
		}
		if now[st.write.Swap.ID] = record.Swap; record.Swap.Phase != st.write.Swap.Phase || record.Swap.Version != st.write.Swap.Version {
			t.Errorf("%s is %s of version %d", st.name, record.Swap.Phase, record.Swap.Version)
		}
	}
	for turn := 0; ; turn++ {
		var b engine.Batch
		for _, st := range all {
			if turn < len(st.rest) {
				w := step(t, now[st.write.Swap.ID], st.rest[turn])
				now[w.Swap.ID] = w.Swap
				b.Swaps = append(b.Swaps, w)
			}
		}
		if len(b.Swaps) == 0 {
			break
		}
		must(t, s.Commit(ctx, b))
	}
	for _, st := range all {
		if end := now[st.write.Swap.ID]; end.Phase != htlc.PhaseClosed || end.Outcome != st.life.outcome {
			t.Errorf("%s ends %s, %s", st.name, end.Phase, end.Outcome)
		}
	}
}

// schemas are the numbers of all migrations.
func schemas(t *testing.T) []int64 {
	t.Helper()
	names, err := fs.Glob(migrations.Postgres(), "*.sql")
	must(t, err)
	var out []int64
	for _, name := range names {
		n, err := strconv.ParseInt(name[:5], 10, 64)
		must(t, err)
		out = append(out, n)
	}
	return out
}

// everyRow is what a store gives in which every table has rows, with swaps in
// every phase.
func everyRow(t *testing.T, make func(t testing.TB) string) carried {
	t.Helper()
	s := open(t, make(t))
	fill(t, s)
	var b engine.Batch
	for _, st := range stages(t) {
		b.Swaps = append(b.Swaps, st.write)
	}
	must(t, s.Commit(ctx, b))
	return export(t, s)
}

// makeSchema runs the migrations up to a version in an empty database, and
// writes into its tables those rows that they can hold.
func makeSchema(t *testing.T, version int64, rows carried, make func(t testing.TB) string) (dsn string) {
	t.Helper()
	empty, dsn := make(t), make(t)
	// What the schema has is asked of a database that has nothing else.
	shape, err := store.Import(ctx, config(t, empty), version)
	must(t, err)
	into, err := store.Import(ctx, config(t, dsn), version)
	must(t, err)
	for _, name := range rows.names {
		var kept []int
		var columns []store.Column
		for i, c := range rows.columns[name] {
			if shape.Table(ctx, name, []store.Column{c}) == nil {
				kept, columns = append(kept, i), append(columns, c)
			}
		}
		if len(kept) == 0 {
			continue // of a later schema
		}
		must(t, into.Table(ctx, name, columns))
		for _, row := range rows.rows[name] {
			if name == "txs" && later(version, row) {
				continue
			}
			var values []any
			for _, i := range kept {
				values = append(values, row[i])
			}
			must(t, into.Row(ctx, values))
		}
	}
	must(t, into.Commit())
	must(t, into.Close())
	must(t, shape.Close())
	return dsn
}

// later: the transaction is of a purpose that the schema does not have.
func later(version int64, row []any) bool {
	return version < 3 && slices.Contains(row, any(htlc.PurposeAbandon.String())) || version < 4 && slices.Contains(row, any(htlc.PurposeConsent.String()))
}

// testEverySchema opens every schema with swaps in every phase, and lets each
// of them end.
func testEverySchema(t *testing.T, make func(t testing.TB) string) {
	rows := everyRow(t, make)
	for _, version := range schemas(t) {
		t.Run(fmt.Sprint("v", version), func(t *testing.T) {
			s := open(t, makeSchema(t, version, rows, make))
			checkRest(t, s)
			goOn(t, s)
		})
	}
}

func TestMigrateEveryPhaseSQLite(t *testing.T) { testEverySchema(t, sqliteDSN) }

// makeDumps writes those of released schemas that are not there. One that is
// there is never written again.
func makeDumps(t *testing.T, dialect string, make func(t testing.TB) string, dump func(dsn string) string) {
	t.Helper()
	for _, version := range released {
		path := filepath.Join("testdata", fmt.Sprint("v", version), dialect+".sql")
		if _, err := os.Stat(path); err == nil {
			continue
		}
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(dump(makeSchema(t, version, everyRow(t, make), make))), 0o644))
	}
}

func TestEveryReleasedSchemaHasADump(t *testing.T) {
	for _, version := range released {
		for _, dialect := range []string{"sqlite", "postgres"} {
			if _, err := os.Stat(filepath.Join("testdata", fmt.Sprint("v", version), dialect+".sql")); err != nil {
				t.Errorf("%v; run with -update", err)
			}
		}
	}
}
