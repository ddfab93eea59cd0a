package server_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/server"
	"github.com/kofo-network/kofo/internal/server/servertest"
	"github.com/kofo-network/kofo/monitor/engine"
)

func get(t *testing.T, c *sdk.Client, id string) *kofov1.Swap {
	t.Helper()
	got, err := c.Settlement.Get(t.Context(), &kofov1.GetRequest{Id: id})
	if err != nil {
		t.Fatal(err)
	}
	return got.GetSwap()
}

func TestCancelOfAClosedSwap(t *testing.T) {
	one, two := servertest.Start(t, servertest.Options{}), servertest.Start(t, servertest.Options{Who: 2})
	a := dial(t, one, "")
	id := agreed(t, a, dial(t, two, ""))
	if _, err := a.Settlement.Cancel(t.Context(), &kofov1.CancelRequest{Id: id}); err != nil {
		t.Fatal(err)
	}
	_, err := a.Settlement.Cancel(t.Context(), &kofov1.CancelRequest{Id: id})
	wantReason(t, err, reason.NotCancellable)
	if sdk.Metadata(err)["swap_id"] != id {
		t.Errorf("about %v", sdk.Metadata(err))
	}
	if text := sdk.Message(err); text != "the swap is closed, nothing is left to cancel: This node cancelled it before it locked anything." {
		t.Errorf("told %q", text)
	}
	if cause := get(t, a, id).GetOutcomeCause(); cause != "This node cancelled it before it locked anything." {
		t.Errorf("cause %q", cause)
	}
}

// TestCauseNamesTheHeldCondition: a swap whose time to fund ran out says what
// the gate waited for.
func TestCauseNamesTheHeldCondition(t *testing.T) {
	passed := htlc.Observed{State: htlc.CheckPassed}
	checked := func(clock int64) htlc.Event {
		return htlc.FundingChecked{Facts: htlc.FundingFacts{
			Clock: clock, StateRead: passed, RedeemRuns: passed, TermsCopied: passed, DiskSpace: passed, BackEndsAgree: passed, Final: passed, ChainsCalm: passed,
			RedeemMeans: htlc.Observed{State: htlc.CheckBlocked, Detail: "missing 21000"},
		}}
	}
	for name, c := range map[string]struct {
		participant bool
		before      []htlc.Event
		want, not   string
	}{
		"held": {
			before: []htlc.Event{htlc.FundingPrepared{TxID: "own"}, checked(1)},
			want:   "it waited for: the costs of the redeem are in hand (missing 21000).", not: string(htlc.CondFundBy),
		},
		"never looked":           {want: "before this node locked anything.", not: "waited"},
		"nobody locked":          {participant: true, want: "the initiator never locked its coins."},
		"locked, but not buried": {participant: true, before: []htlc.Event{htlc.LegSeen{Leg: 0, TxID: "x"}}, want: "did not get its confirmations in time."},
	} {
		t.Run(name, func(t *testing.T) {
			one, two := servertest.Start(t, servertest.Options{}), servertest.Start(t, servertest.Options{Who: 2})
			a, b := dial(t, one, ""), dial(t, two, "")
			id, n, client := agreed(t, a, b), one, a
			if c.participant {
				n, client = two, b
			}
			s, err := n.Swap(id)
			if err != nil {
				t.Fatal(err)
			}
			late := htlc.TipAdvanced{Leg: s.Out(), Height: 9000, Clock: s.Terms.Legs[s.Out()].FundBy + 1}
			for _, e := range append(c.before, late) {
				if err := n.Happen(id, e); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 { // the second answer is remembered
				swap := get(t, client, id)
				if cause := swap.GetOutcomeCause(); swap.GetOutcome() != kofov1.Outcome_OUTCOME_CANCELLED ||
					!strings.HasSuffix(cause, c.want) || c.not != "" && strings.Contains(cause, c.not) {
					t.Errorf("%s: %q", swap.GetOutcome(), cause)
				}
			}
		})
	}
}

// TestHistorySpeaksFromThisPartysView: from the first line on.
func TestHistorySpeaksFromThisPartysView(t *testing.T) {
	one, two := servertest.Start(t, servertest.Options{}), servertest.Start(t, servertest.Options{Who: 2})
	a, b := dial(t, one, ""), dial(t, two, "")
	lines := map[*sdk.Client][]string{}
	streams := map[*sdk.Client]interface {
		Recv() (*kofov1.WatchResponse, error)
	}{}
	for _, c := range []*sdk.Client{a, b} {
		stream, err := c.Settlement.Watch(t.Context(), &kofov1.WatchRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if m, err := stream.Recv(); err != nil || m.GetKind() != kofov1.WatchKind_WATCH_KIND_SNAPSHOT_END {
			t.Fatal(m, err)
		}
		streams[c] = stream
	}
	agreed(t, a, b)
	for c, stream := range streams {
		for len(lines[c]) == 0 || !strings.Contains(lines[c][len(lines[c])-1], "All parties") {
			m, err := stream.Recv()
			if err != nil {
				t.Fatal(err)
			}
			if m.GetEntry() != nil {
				lines[c] = append(lines[c], m.GetEntry().GetKind()+": "+m.GetEntry().GetText())
			}
		}
	}
	for c, want := range map[*sdk.Client][]string{
		a: {"offer-begun: This node began", "offered: This node made the offer", "bound: ", "agreed: This node countersigned"},
		b: {"ticket-taken-up: This node took up the other party's ticket", "accepted: This node accepted", "agreed: The other party has countersigned"},
	} {
		for i, start := range want {
			if i >= len(lines[c]) || !strings.HasPrefix(lines[c][i], start) {
				t.Errorf("line %d of %q, want %q", i, lines[c], start)
			}
		}
	}
}

// TestInspectNamesTheKeyOfThePeer by the fingerprint that its certificate has.
func TestInspectNamesTheKeyOfThePeer(t *testing.T) {
	one, two := servertest.Start(t, servertest.Options{}), servertest.Start(t, servertest.Options{Who: 2})
	a, b := dial(t, one, ""), dial(t, two, "")
	in, err := b.Settlement.Inspect(t.Context(), &kofov1.InspectRequest{Ticket: offer(t, a).GetTicket()})
	if err != nil {
		t.Fatal(err)
	}
	party, err := hex.DecodeString(in.GetInitiator())
	if err != nil {
		t.Fatal(err)
	}
	// A SubjectPublicKeyInfo of Ed25519 is this head and the key (RFC 8410).
	head := []byte{0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00}
	info := slices.Concat(head, party)
	if _, err := x509.ParsePKIXPublicKey(info); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(info)
	if in.GetPeerFingerprint() != hex.EncodeToString(sum[:]) || in.GetPeerAddress() == "" {
		t.Errorf("%v", in)
	}
	byHand, err := a.Settlement.Offer(t.Context(), &kofov1.OfferRequest{Send: btc("5000000"), Receive: eth(oneETH), ByHand: true})
	if err != nil {
		t.Fatal(err)
	}
	if in, err = b.Settlement.Inspect(t.Context(), &kofov1.InspectRequest{Ticket: byHand.GetTicket()}); err != nil || in.GetPeerFingerprint() != "" {
		t.Errorf("%v %v", in, err)
	}
}

// paid is a swap of the participant's with its funding and its redeem in
// blocks; deep says whether they are buried.
func paid(t *testing.T, deep bool) (*servertest.Node, *sdk.Client, string) {
	t.Helper()
	one, two := servertest.Start(t, servertest.Options{}), servertest.Start(t, servertest.Options{Who: 2})
	a, b := dial(t, one, ""), dial(t, two, "")
	id := agreed(t, a, b)
	fund(t, id, two)
	s, err := two.Swap(id)
	if err != nil {
		t.Fatal(err)
	}
	two.Journal(engine.JournalTx{Tx: txOf(servertest.Ethereum, "fund-1", 98_000), Swap: s.ID, Leg: 1, Purpose: htlc.PurposeFund})
	two.Journal(engine.JournalTx{Tx: txOf(servertest.Bitcoin, "redeem-0", 2845), Swap: s.ID, Leg: 0, Purpose: htlc.PurposeRedeem})
	secret, err := two.SecretOf(id)
	if err != nil {
		t.Fatal(err)
	}
	events := []htlc.Event{
		htlc.LegRedeemed{Leg: 1, TxID: "redeem-1", Secret: secret, Block: htlc.BlockID{Height: 5010, Hash: [32]byte{9}}},
		htlc.LegRedeemed{Leg: 0, TxID: "redeem-0", Secret: secret, Block: htlc.BlockID{Height: 1010, Hash: [32]byte{8}}},
	}
	if deep {
		events = append(events,
			htlc.TipAdvanced{Leg: 1, Height: 5011, Clock: s.Terms.AcceptBy + 1}, htlc.TipAdvanced{Leg: 0, Height: 1011, Clock: s.Terms.AcceptBy + 1})
	}
	for _, e := range events {
		if err := two.Happen(id, e); err != nil {
			t.Fatal(err)
		}
	}
	return two, b, id
}

// TestFeesAreThoseOfTheReceipt where the chain tells them, and say that they
// are the most that can be where it does not.
func TestFeesAreThoseOfTheReceipt(t *testing.T) {
	n, c, id := paid(t, true)
	fees := get(t, c, id).GetFeesPaid()
	if len(fees) != 2 || fees[0].GetFee().GetAmount() != "98000" || fees[0].GetFinal() {
		t.Errorf("a limit is shown as what was paid: %v", fees)
	}
	if !fees[1].GetFinal() || fees[1].GetFee().GetAmount() != "2845" {
		t.Errorf("a fee that signing fixes: %v", fees[1])
	}
	n.SetFees(map[string]htlc.Amount{"fund-1": htlc.NewAmount(61_234)})
	asked := n.FeesAsked()
	for range 3 {
		swap := get(t, c, id)
		if fee := swap.GetFeesPaid()[0]; fee.GetFee().GetAmount() != "61234" || !fee.GetFinal() || swap.GetFeesTotal()[0].GetAmount() != "61234" {
			t.Errorf("%v %v", swap.GetFeesPaid(), swap.GetFeesTotal())
		}
	}
	if n.FeesAsked() != asked+1 {
		t.Errorf("the fee of a buried transaction was asked for %d times", n.FeesAsked()-asked)
	}
}

func TestFeesOfTheLatestBlockAreAskedForAgain(t *testing.T) {
	n, c, id := paid(t, false)
	n.SetFees(map[string]htlc.Amount{"fund-1": htlc.NewAmount(61_234)})
	get(t, c, id)
	n.SetFees(map[string]htlc.Amount{"fund-1": htlc.NewAmount(59_000)}) // after a reorganisation
	if fee := get(t, c, id).GetFeesPaid()[0]; fee.GetFee().GetAmount() != "59000" {
		t.Errorf("%v", fee)
	}
}

// TestASilentChainHoldsNobodyUp: after one answer that did not come the chain
// is left alone for a while.
func TestASilentChainHoldsNobodyUp(t *testing.T) {
	n, c, id := paid(t, false)
	asked := n.FeesAsked()
	n.SetSlowFees(true)
	for range 3 {
		if fee := get(t, c, id).GetFeesPaid()[0]; fee.GetFinal() || fee.GetFee().GetAmount() != "98000" {
			t.Errorf("%v", fee)
		}
	}
	if n.FeesAsked() != asked+1 {
		t.Errorf("asked %d times", n.FeesAsked()-asked)
	}
}

func TestFeesOfTheWallet(t *testing.T) {
	n := servertest.Start(t, servertest.Options{})
	c := dial(t, n, "")
	move := func(id string, height, confirmations uint64) server.Movement {
		return server.Movement{
			Chain: servertest.Ethereum, TxID: id, Kind: server.Withdrawn, Asset: servertest.ETH, Amount: htlc.NewAmount(5),
			FeeAsset: servertest.ETH, Fee: htlc.NewAmount(100), Height: height, Confirmations: confirmations, Time: time.Now(),
		}
	}
	n.Move(move("mined", 5001, 9))
	n.Move(move("waiting", 0, 0))
	coin := move("coin", 0, 0)
	coin.Chain, coin.FeeAsset = servertest.Bitcoin, servertest.BTC
	n.Move(coin)
	n.SetFees(map[string]htlc.Amount{"mined": htlc.NewAmount(61)})
	list, err := c.Wallet.Transactions(t.Context(), &kofov1.TransactionsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]struct {
		fee   string
		final bool
	}{"mined": {"61", true}, "waiting": {"100", false}, "coin": {"100", false}}
	for _, tx := range list.GetTransactions() {
		if w := want[tx.GetTxid()]; tx.GetFee().GetAmount() != w.fee || tx.GetFeeFinal() != w.final {
			t.Errorf("%v", tx)
		}
	}
}

// TestErrorsSayWhatTheyAreAbout, so that callers can put it in their own words.
func TestErrorsSayWhatTheyAreAbout(t *testing.T) {
	n := servertest.Start(t, servertest.Options{})
	c := dial(t, n, "")
	_, err := c.Wallet.Withdraw(t.Context(), &kofov1.WithdrawRequest{Amount: btc("5000"), To: somebody, MaxFee: "1"})
	wantReason(t, err, reason.FeeOverBudget)
	meta := sdk.Metadata(err)
	if meta["asset"] != string(servertest.BTC) || meta["amount"] != "5000" || meta["chain"] != string(servertest.Bitcoin) {
		t.Errorf("withdrawal: %v", meta)
	}
	_, err = c.Settlement.Offer(t.Context(), &kofov1.OfferRequest{Send: btc("300000000"), Receive: eth(oneETH)})
	wantReason(t, err, reason.InsufficientFunds)
	meta = sdk.Metadata(err)
	if meta["asset"] != string(servertest.BTC) || meta["need"] != "300056150" || meta["missing"] != "100000000" || meta["leg"] != "0" {
		t.Errorf("offer: %v", meta)
	}
	_, err = c.Settlement.Offer(t.Context(), &kofov1.OfferRequest{Send: btc("1"), Receive: eth(oneETH)})
	wantReason(t, err, reason.AmountTooSmall)
	if meta = sdk.Metadata(err); meta["min"] != "110000" || meta["amount"] != "1" {
		t.Errorf("dust: %v", meta)
	}
}

// TestAnAbandonedFunding shows what happens, why it ended, and what that cost.
func TestAnAbandonedFunding(t *testing.T) {
	one, two := servertest.Start(t, servertest.Options{}), servertest.Start(t, servertest.Options{Who: 2})
	a := dial(t, one, "")
	id := agreed(t, a, dial(t, two, ""))
	s, err := one.Swap(id)
	if err != nil {
		t.Fatal(err)
	}
	passed := htlc.Observed{State: htlc.CheckPassed}
	happen := func(events ...htlc.Event) {
		t.Helper()
		for _, e := range events {
			if err := one.Happen(id, e); err != nil {
				t.Fatalf("%s: %v", e.Kind(), err)
			}
		}
	}
	happen(htlc.FundingPrepared{TxID: "own"}, htlc.FundingChecked{Facts: htlc.FundingFacts{
		Clock: 1, StateRead: passed, RedeemRuns: passed, RedeemMeans: passed, TermsCopied: passed, DiskSpace: passed, BackEndsAgree: passed, Final: passed, ChainsCalm: passed,
	}}, htlc.TipAdvanced{Leg: 0, Height: 1100, Clock: s.Terms.Legs[0].FundBy + 1})
	if swap := get(t, a, id); swap.GetNextAction().GetKind() != kofov1.ActionKind_ACTION_KIND_ABANDON || len(swap.GetFeesPaid()) != 0 {
		t.Errorf("%v", swap)
	}
	one.Journal(engine.JournalTx{Tx: txOf(servertest.Bitcoin, "replaced", 300), Swap: s.ID, Leg: 0, Purpose: htlc.PurposeAbandon})
	one.Journal(engine.JournalTx{Tx: txOf(servertest.Bitcoin, "instead", 500), Swap: s.ID, Leg: 0, Purpose: htlc.PurposeAbandon, Attempt: 1})
	happen(htlc.Submitted{Leg: 0, Purpose: htlc.PurposeAbandon, TxID: "instead"}, htlc.Withheld{Purpose: htlc.PurposeFund})
	one.SetFees(map[string]htlc.Amount{"instead": htlc.NewAmount(500)})
	swap := get(t, a, id)
	fees := swap.GetFeesPaid()
	if len(fees) != 1 || fees[0].GetKind() != kofov1.FeeKind_FEE_KIND_ABANDON || fees[0].GetTxid() != "instead" || !fees[0].GetFinal() {
		t.Errorf("fees %v", fees)
	}
	if cause := swap.GetOutcomeCause(); cause != "This node's lock came too late for its time to fund, and never got into a block." {
		t.Errorf("cause %q", cause)
	}
}

// TestATicketIsUsedOnce: that of an open swap gives the same answer again, that
// of a closed one is refused, by Inspect too.
func TestATicketIsUsedOnce(t *testing.T) {
	one, two := servertest.Start(t, servertest.Options{}), servertest.Start(t, servertest.Options{Who: 2})
	b := dial(t, two, "")
	id := agreed(t, dial(t, one, ""), b)
	got, err := b.Settlement.Get(t.Context(), &kofov1.GetRequest{Id: id})
	if err != nil {
		t.Fatal(err)
	}
	ticket := got.GetDocuments().GetTicket()
	accept := func() (*kofov1.AcceptResponse, error) {
		return b.Settlement.Accept(t.Context(), &kofov1.AcceptRequest{Ticket: ticket, ByHand: true})
	}
	if again, err := accept(); err != nil || again.GetSwapId() != id {
		t.Errorf("%v %v", again, err)
	}
	if _, err := b.Settlement.Cancel(t.Context(), &kofov1.CancelRequest{Id: id}); err != nil {
		t.Fatal(err)
	}
	_, err = accept()
	wantReason(t, err, reason.TicketUsed)
	if meta := sdk.Metadata(err); meta["swap_id"] != id || !strings.Contains(sdk.Message(err), "is closed: This node cancelled it") {
		t.Errorf("%v about %v", err, meta)
	}
	in, err := b.Settlement.Inspect(t.Context(), &kofov1.InspectRequest{Ticket: ticket})
	if err != nil || len(in.GetRefusals()) != 1 || in.GetRefusals()[0].GetReason() != string(reason.TicketUsed) {
		t.Errorf("%v %v", in.GetRefusals(), err)
	}
}

// TestConfirmationsGoOn: a closed swap's transactions are counted up to the
// chain's tip, as all others.
func TestConfirmationsGoOn(t *testing.T) {
	n := servertest.Start(t, servertest.Options{})
	c := dial(t, n, "")
	for id, m := range map[string]server.Movement{
		"buried": {Height: 4990, Confirmations: 2}, "ahead": {Height: 5003, Confirmations: 4}, "waits": {},
		"undone": {Height: 4990, Failed: true},
	} {
		m.TxID, m.Chain, m.Kind, m.Asset = id, servertest.Ethereum, server.Funded, servertest.ETH
		n.Move(m)
	}
	list, err := c.Wallet.Transactions(t.Context(), &kofov1.TransactionsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]uint64{"buried": 11, "ahead": 4, "waits": 0, "undone": 0}
	for _, tx := range list.GetTransactions() {
		if tx.GetConfirmations() != want[tx.GetTxid()] {
			t.Errorf("%v", tx)
		}
	}
}

func TestWhatIsSwappedDiffers(t *testing.T) {
	c := dial(t, servertest.Start(t, servertest.Options{}), "")
	_, err := c.Settlement.Offer(t.Context(), &kofov1.OfferRequest{Send: btc("5000000"), Receive: btc("4000000")})
	wantReason(t, err, reason.InvalidArgument)
	if sdk.Metadata(err)["field"] != "receive" {
		t.Error(err)
	}
	_, err = c.Settlement.Offer(t.Context(), &kofov1.OfferRequest{Send: btc("0"), Receive: eth(oneETH)})
	wantReason(t, err, reason.AmountTooSmall)
	if meta := sdk.Metadata(err); meta["min"] != "110000" || meta["max"] != "10000000000" || meta["asset"] != string(servertest.BTC) {
		t.Errorf("about %v", meta)
	}
	for _, wrong := range []time.Duration{0, 25 * time.Hour} {
		_, err = c.Settlement.Offer(t.Context(), &kofov1.OfferRequest{Send: btc("5000000"), Receive: eth(oneETH), ValidFor: durationpb.New(wrong)})
		wantReason(t, err, reason.InvalidArgument)
		if text := sdk.Message(err); text != "valid_for: a ticket is valid for at least 10s and at most 24h" {
			t.Errorf("told %q", text)
		}
	}
}
