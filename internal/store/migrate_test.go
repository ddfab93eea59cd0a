package store_test

import (
	"bytes"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/adapters/bitcoin"
	"github.com/kofo-network/kofo/adapters/evm"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/store"
	guard "github.com/kofo-network/kofo/internal/tower"
	"github.com/kofo-network/kofo/monitor/engine"
	"github.com/kofo-network/kofo/monitor/tower"
)

// update writes the dumps of released schemas that are missing. One that is
// there is never written again.
var update = flag.Bool("update", false, "write testdata/v*/ of released schemas that have none")

// inFlight are the swaps of a dump: one just agreed, one whose incoming leg is
// funded, one whose secret is out, one closed.
func inFlight(t testing.TB) []engine.SwapWrite {
	t.Helper()
	id := htlc.BlockID{Height: 7, Hash: [32]byte{7}}
	funded := []htlc.Event{htlc.LegFunded{Leg: 0, TxID: "f", Ref: "f:0", Block: id}, tip(9)}
	known := []htlc.Event{htlc.FundingPrepared{TxID: "g"}, htlc.SecretSeen{Leg: 1, TxID: "r", Secret: secretOf(t, 3)}}
	return []engine.SwapWrite{
		fresh(t, 1),
		step(t, htlc.Swap{}, slices.Concat([]htlc.Event{signed(t, 2)}, funded)...),
		step(t, htlc.Swap{}, slices.Concat([]htlc.Event{signed(t, 3)}, funded, known)...),
		step(t, htlc.Swap{}, signed(t, 4), htlc.CancelRequested{}),
	}
}

// fill writes into every table.
func fill(t *testing.T, s *store.Store) {
	t.Helper()
	b := batch(inFlight(t)...)
	b.Cursors = []engine.CursorWrite{{Chain: chainA, Cursor: engine.Cursor{Seq: 1, Block: block(9)}}}
	must(t, s.Commit(ctx, b))
	must(t, s.Commit(ctx, engine.Batch{Done: []engine.EffectID{b.Swaps[0].Effects[0].ID}}))
	tx := journalTx("t1", htlc.PurposeFund, 0, 0)
	must(t, s.SaveTxs(ctx, []engine.JournalTx{tx, journalTx("t2", htlc.PurposeAbandon, 0, 0), journalTx("t3", htlc.PurposeConsent, 0, 0)}))
	must(t, s.MarkReleased(ctx, tx.Chain, tx.ID))
	must(t, s.Announce(ctx, tx.Tx))
	must(t, s.PutLane(ctx, evm.LaneReservation{Chain: chainB, Account: "0xabc", Lane: 1, Owner: "swap", Asset: "eip155:1337/slip44:60"}))
	must(t, s.SetRedeemFee(ctx, evm.RedeemReservation{Chain: chainB, Account: "0xabc", Owner: "swap", Asset: ether, Fee: htlc.NewAmount(3)}))
	point := wire.OutPoint{Index: 1}
	coins := bitcoin.BlockChange{Created: []bitcoin.Coin{{Point: point, Amount: 5, Height: 9}}, Cursor: block(9)}
	must(t, s.Coins(chainA).ApplyBlock(ctx, coins))
	must(t, s.Coins(chainA).Hold(ctx, "o1", []wire.OutPoint{point}))
	must(t, s.Agreements().Insert(ctx, agreed(t, 1)))
	_, err := s.SaveWithdrawal(ctx, withdrawal(1, chainB))
	must(t, err)
	must(t, s.AddToken(ctx, store.Token{ID: "t1", Name: "desk"}))
	must(t, s.TouchToken(ctx, "t1", epoch))
	must(t, s.Spend(ctx, "t1", ether, htlc.NewAmount(60), htlc.NewAmount(100), epoch, "desk/1"))
	_, _, err = s.BeginRequest(ctx, store.RequestKey{Caller: "t1", ID: "r1"}, "Offer", [32]byte{1})
	must(t, err)
	fillGuards(t, s)
}

// fillGuards writes what limits payouts, and what is kept for others.
func fillGuards(t *testing.T, s *store.Store) {
	t.Helper()
	_, err := s.AddPayout(ctx, store.Payout{Account: "eip155:1337:0xabc", AddedBy: "t1", Added: epoch, Usable: epoch.Add(time.Hour)})
	must(t, err)
	must(t, s.TakeOutflow(ctx, ether, htlc.NewAmount(1), htlc.NewAmount(2), epoch, "desk/2"))
	opener := tower.RefundOpener("funding")
	must(t, s.SavePackage(ctx, tower.Stored{Owner: htlc.PartyID{1}, Locator: opener.Locator(), Kind: tower.Refund, Bytes: []byte{1}, Until: 1}))
	must(t, s.SaveTasks(ctx, nil, &tower.Cursor{Chain: chainA, Block: block(9)}))
	must(t, s.SaveOwner(ctx, guard.Owner{Party: htlc.PartyID{1}, Price: "tea", Since: 1, Until: 2}))
	must(t, s.SaveGuard(ctx, guard.Guarded{Swap: htlc.SwapID{1}, Kind: tower.Refund, Tower: htlc.PartyID{2}, About: "tx:0", Until: 2, KeptAt: 1}))
}

// migrateForward opens every released schema with swaps in flight, and goes on
// from there.
func migrateForward(t *testing.T, dialect string, load func(t *testing.T, dump string) (dsn string)) {
	dumps, err := filepath.Glob("testdata/v*/" + dialect + ".sql")
	must(t, err)
	if len(dumps) == 0 {
		t.Fatal("no dump to migrate from; run with -update")
	}
	for _, name := range dumps {
		t.Run(filepath.Base(filepath.Dir(name)), func(t *testing.T) {
			dump, err := os.ReadFile(name)
			must(t, err)
			s := open(t, load(t, string(dump)))
			want := inFlight(t)
			version, err := strconv.ParseInt(filepath.Base(filepath.Dir(name))[1:], 10, 64)
			must(t, err)
			open := active(t, s)
			if len(open) != 3+openStages(t, version) {
				t.Fatalf("%d swaps are open", len(open))
			}
			if version > fromTheirTime {
				goOn(t, s)
			}
			for _, w := range want {
				events, err := s.History(ctx, w.Swap.ID, 0, 0)
				must(t, err)
				if len(events) != len(w.Events) {
					t.Fatalf("%d events of %d", len(events), len(w.Events))
				}
				if now, ok := open[w.Swap.ID]; ok {
					must(t, s.Commit(ctx, batch(step(t, now, tip(50)))))
				}
			}
			pending, err := s.Pending(ctx)
			must(t, err)
			if len(pending) == 0 {
				t.Fatal("pending effects are gone")
			}
			checkRest(t, s)
			checkAgreements(t, s, name)
			checkThird(t, s, name)
		})
	}
}

// openStages is how many swaps of the stages a dump has open.
func openStages(t *testing.T, version int64) (n int) {
	t.Helper()
	if version <= fromTheirTime {
		return 0
	}
	for _, st := range stages(t) {
		if st.write.Swap.Phase != htlc.PhaseClosed {
			n++
		}
	}
	return n
}

// checkRest reads the tables that are not the engine's.
func checkRest(t *testing.T, s *store.Store) {
	t.Helper()
	want := journalTx("t1", htlc.PurposeFund, 0, 0)
	txs, err := s.Txs(ctx, want.Swap, want.Leg, want.Purpose)
	must(t, err)
	announced, err := s.Announced(ctx, chainB, "0xabc", 0)
	must(t, err)
	if len(txs) != 1 || !txs[0].Released || len(announced) != 1 || string(txs[0].Raw) != string(announced[0].Raw) {
		t.Fatalf("transactions %+v, announced %+v", txs, announced)
	}
	lanes, err := s.Lanes(ctx, chainB, "0xabc")
	must(t, err)
	tokens, err := s.Tokens(ctx)
	must(t, err)
	if len(lanes) != 1 || len(tokens) != 1 {
		t.Fatalf("lanes %+v, tokens %+v", lanes, tokens)
	}
	_, err = s.Cursor(ctx, chainA)
	must(t, err)
	book, err := s.Coins(chainA).LoadCoins(ctx)
	must(t, err)
	if len(book.Coins) != 1 || !book.Coins[0].Unspent() || len(book.Holds) != 1 || book.Cursor != block(9) {
		t.Fatalf("wallet %+v", book)
	}
}

// checkAgreements reads what schemas from the second on have, and writes into
// what the first one was given.
func checkAgreements(t *testing.T, s *store.Store, dump string) {
	t.Helper()
	r, w := agreed(t, 1), withdrawal(1, chainB)
	if strings.Contains(dump, "/v1/") {
		must(t, s.Agreements().Insert(ctx, r))
		_, err := s.SaveWithdrawal(ctx, w)
		must(t, err)
	}
	findAgreement(t, s.Agreements(), agreement.Key{Swap: r.Swap()}, r)
	got, err := s.Withdrawal(ctx, w.RequestID)
	must(t, err)
	if got.Tx.ID != w.Tx.ID || !bytes.Equal(got.Tx.Raw, w.Tx.Raw) {
		t.Fatalf("withdrawal %+v", got)
	}
	coins, err := s.Coins(chainA).LoadCoins(ctx)
	must(t, err)
	if len(coins.Coins) != 1 || len(coins.Holds) != 1 {
		t.Fatalf("coins %+v", coins)
	}
}

// checkThird reads what schemas from the third on have, and writes it into
// what the earlier ones were given.
func checkThird(t *testing.T, s *store.Store, dump string) {
	t.Helper()
	token, spending := epoch, uint64(60)
	if strings.Contains(dump, "/v1/") || strings.Contains(dump, "/v2/") {
		token, spending = time.Time{}, 0
		must(t, s.SaveTxs(ctx, []engine.JournalTx{journalTx("t2", htlc.PurposeAbandon, 0, 0), journalTx("t3", htlc.PurposeConsent, 0, 0)}))
	}
	txs, err := s.Txs(ctx, htlc.SwapID{1}, 1, htlc.PurposeAbandon)
	must(t, err)
	tokens, err := s.Tokens(ctx)
	must(t, err)
	if len(txs) != 1 || txs[0].ID != "t2" || !tokens[0].Used.Equal(token) {
		t.Fatalf("abandonments %+v, token %+v", txs, tokens[0])
	}
	most := htlc.NewAmount(100)
	var told *store.CapError
	err = s.Spend(ctx, "t1", ether, htlc.NewAmount(101), most, epoch.Add(time.Hour), "desk/2")
	if left, err2 := most.Sub(htlc.NewAmount(spending)); err2 != nil || !errors.As(err, &told) || told.Remaining != left {
		t.Fatalf("the token may spend %+v", told)
	}
	if got := openIDs(t, s); got != "w01" {
		t.Fatalf("withdrawals %q are open", got)
	}
}

func TestMigrateForwardSQLite(t *testing.T) {
	if *update {
		makeDumps(t, "sqlite", sqliteDSN, func(dsn string) string { return dumpSQLite(t, peek(t, dsn)) })
	}
	migrateForward(t, "sqlite", func(t *testing.T, dump string) string {
		dsn := sqliteDSN(t)
		_, err := peek(t, dsn).Exec(dump)
		must(t, err)
		return dsn
	})
}

// dumpSQLite writes schema and rows as SQL.
func dumpSQLite(t *testing.T, db *sql.DB) string {
	t.Helper()
	var out strings.Builder
	for _, kind := range []string{"table", "index"} {
		for _, row := range texts(t, db, 2, `SELECT name, sql FROM sqlite_master
			WHERE type = '`+kind+`' AND sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid`) {
			fmt.Fprintf(&out, "%s;\n", row[1])
			if kind == "index" {
				continue
			}
			var quoted []string
			for _, column := range texts(t, db, 1, "SELECT name FROM pragma_table_info('"+row[0]+"')") {
				quoted = append(quoted, "quote("+column[0]+")")
			}
			for _, values := range texts(t, db, len(quoted), "SELECT "+strings.Join(quoted, ", ")+" FROM "+row[0]+" ORDER BY rowid") {
				fmt.Fprintf(&out, "INSERT INTO %s VALUES (%s);\n", row[0], strings.Join(values, ", "))
			}
		}
	}
	return out.String()
}

// texts reads rows of n texts.
func texts(t *testing.T, db *sql.DB, n int, query string) [][]string {
	t.Helper()
	rows, err := db.Query(query)
	must(t, err)
	defer func() { must(t, rows.Close()) }()
	var out [][]string
	for rows.Next() {
		row, to := make([]string, n), make([]any, n)
		for i := range row {
			to[i] = &row[i]
		}
		must(t, rows.Scan(to...))
		out = append(out, row)
	}
	must(t, rows.Err())
	return out
}

// testDataNewer: an older program on newer data.
func testDataNewer(t *testing.T, dsn string) {
	s := open(t, dsn)
	must(t, s.Commit(ctx, batch(fresh(t, 1))))
	db := peek(t, dsn)
	_, err := db.Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)")
	must(t, err)
	_, err = store.Open(ctx, config(t, dsn))
	wantErr(t, err, store.ErrDataNewer)
	var told *adapters.Error
	if !errors.As(err, &told) || told.Reason != store.ReasonDataNewer {
		t.Fatalf("error %v has no reason code", err)
	}
	must(t, s.Commit(ctx, batch(fresh(t, 2)))) // the newer program was not pushed out
}
