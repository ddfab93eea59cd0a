//go:build e2e

package e2e

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kofo-network/kofo/api/sdk"
)

// slowLine is the connection of a node with its signer.
type slowLine struct {
	listener net.Listener
	target   string
	late     atomic.Int64 // how late each answer is, in nanoseconds
	open     sync.WaitGroup
}

func newSlowLine(t *testing.T, target string) *slowLine {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s := &slowLine{listener: l, target: target}
	s.open.Go(s.accept)
	t.Cleanup(func() {
		_ = l.Close()
		s.open.Wait()
	})
	return s
}

func (s *slowLine) address() string { return s.listener.Addr().String() }

func (s *slowLine) accept() {
	for {
		near, err := s.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", s.target)
		if err != nil {
			_ = near.Close()
			continue
		}
		s.open.Go(func() { s.carry(far, near, false) })
		s.open.Go(func() { s.carry(near, far, true) })
	}
}

// carry ends both connections with the first of them.
func (s *slowLine) carry(to, from net.Conn, answers bool) {
	defer func() {
		_ = to.Close()
		_ = from.Close()
	}()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if answers && n > 0 {
			<-time.After(time.Duration(s.late.Load()))
		}
		if _, failed := to.Write(buffer[:n]); failed != nil || err != nil {
			return
		}
	}
}

// TestSignerSlow: every answer of both signers takes half a second, and nothing
// is lost by it but time.
func TestSignerSlow(t *testing.T) {
	t.Parallel()
	ctx := swapContext(t)
	p, holders := newKeylessPair(ctx, t)
	for _, h := range holders {
		h.line.late.Store(int64(500 * time.Millisecond))
	}
	p.swapped(ctx, p.agree(ctx))
}

// TestSignerAbsentForAWhile: each signer dies as soon as its party has funded,
// and comes back when it is needed next: the initiator's when the secret may be
// shown, the participant's when it is out. Everybody has swapped.
func TestSignerAbsentForAWhile(t *testing.T) {
	t.Parallel()
	ctx := swapContext(t)
	p, holders := newKeylessPair(ctx, t)
	id := p.agree(ctx)
	s := p.initiator.reaches(ctx, id, funded(sdk.LegRolePayer, 1))
	holders[p.initiator].kill()
	signatures(t, s, sdk.SignatureSigned, sdk.SignatureUnsigned, sdk.SignatureSigned)
	if until := s.GetSignatures()[1].GetUntil(); !until.AsTime().Equal(s.GetCutOff().AsTime()) {
		t.Errorf("the redeem is to be signed until %s, the cut-off is %s", until.AsTime(), s.GetCutOff().AsTime())
	}
	s = p.participant.reaches(ctx, id, funded(sdk.LegRolePayer, 1))
	holders[p.participant].kill()
	signatures(t, s, sdk.SignatureSigned, sdk.SignatureUnsigned, sdk.SignatureUnsigned)
	p.initiator.reaches(ctx, id, funded(sdk.LegRolePayee, 2))
	holders[p.initiator].start(ctx)
	p.participant.reaches(ctx, id, func(s *sdk.Swap) bool { return s.GetPhase() == sdk.PhaseRedeeming })
	holders[p.participant].start(ctx)
	p.swapped(ctx, id)
}

// signatures are those of funding, redeem and refund, as the node tells them.
func signatures(t *testing.T, s *sdk.Swap, want ...sdk.SignatureState) {
	t.Helper()
	var got []sdk.SignatureState
	for _, b := range s.GetSignatures() {
		got = append(got, b.GetState())
	}
	if !slices.Equal(got, want) {
		t.Errorf("signatures are %v, want %v", s.GetSignatures(), want)
	}
}

// TestSignerAbsentAtFunding: the participant's signer dies before its leg could be
// funded, and comes back too late. Nobody loses: the initiator is refunded.
func TestSignerAbsentAtFunding(t *testing.T) {
	t.Parallel()
	ctx := swapContext(t)
	p, holders := newKeylessPair(ctx, t)
	id := p.agree(ctx)
	holders[p.participant].kill()
	s := p.initiator.ends(ctx, id, sdk.OutcomeRefunded)
	holders[p.participant].start(ctx)
	p.participant.ends(ctx, id, sdk.OutcomeCancelled)
	p.broughtBack(ctx, s, 0)
}

// TestSignerGone: the initiator's signer dies once its leg is funded and never
// comes back. The refund was signed before the funding was sent: it needs nobody.
func TestSignerGone(t *testing.T) {
	t.Parallel()
	ctx := swapContext(t)
	p, holders := newKeylessPair(ctx, t)
	id := p.agree(ctx)
	p.initiator.reaches(ctx, id, funded(sdk.LegRolePayer, 1))
	holders[p.initiator].kill()
	p.participant.ends(ctx, id, sdk.OutcomeRefunded)
	p.broughtBack(ctx, p.initiator.ends(ctx, id, sdk.OutcomeRefunded), 1)
}

// TestSignerRefusesTheFunding: a signer lets no transaction cost what a funding
// does. The party does not fund, and whoever has funded is refunded.
func TestSignerRefusesTheFunding(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		chain     string
		who       func(pair) *party
		initiator sdk.Outcome
		first     int // uses of the initiator's leg
	}{
		"initiator":   {bitcoinChain, func(p pair) *party { return p.initiator }, sdk.OutcomeCancelled, 0},
		"participant": {ethereumChain, func(p pair) *party { return p.participant }, sdk.OutcomeRefunded, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := swapContext(t)
			p, holders := newKeylessPair(ctx, t)
			holders[row.who(p)].judges(ctx, "1s", fmt.Sprintf(`max_fees: [{chain: %q, most: 1}]`, row.chain))
			id := p.agree(ctx)
			p.participant.ends(ctx, id, sdk.OutcomeCancelled)
			s := p.initiator.ends(ctx, id, row.initiator)
			p.usedOnce(ctx, s, 0, row.first)
			p.usedOnce(ctx, s, 1, 0)
			p.has(ctx, p.initiator, initiatorStart, mostFees)
			p.has(ctx, p.participant, participantStart, mostFees)
			if log := row.who(p).log(); !strings.Contains(log, "the signer does not sign this") {
				t.Error("the log does not say that the signer has refused")
			}
		})
	}
}

// TestSignerRefusesTheSecret: the initiator's signer gives no secret so near the
// time lock. Both are refunded.
func TestSignerRefusesTheSecret(t *testing.T) {
	t.Parallel()
	ctx := swapContext(t)
	p, holders := newKeylessPair(ctx, t)
	holders[p.initiator].judges(ctx, "2h")
	id := p.agree(ctx)
	p.participant.ends(ctx, id, sdk.OutcomeRefunded)
	p.broughtBack(ctx, p.initiator.ends(ctx, id, sdk.OutcomeRefunded), 1)
}
