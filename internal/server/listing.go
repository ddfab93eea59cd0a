package server

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	kofov1 "github.com/kofo-network/kofo/api/gen/kofo/v1"
	"github.com/kofo-network/kofo/api/sdk/reason"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/store"
)

// Bounds of a page, and of what is looked through to fill one.
const (
	defaultPage = 100
	scanned     = 2000
)

func pageSize(p *kofov1.Page) int {
	if p.GetSize() == 0 {
		return defaultPage
	}
	return int(p.GetSize())
}

func errBadPage(token string) error {
	return refuse(reason.InvalidArgument, map[string]string{reason.KeyField: "page.token"}, "%.80q is no page token", token)
}

func duration(d time.Duration) *durationpb.Duration {
	if d == 0 {
		return nil
	}
	return durationpb.New(d)
}

// place is where a list of agreements goes on.
type place struct {
	before time.Time
	id     htlc.Salt
}

// start is in front of the newest.
func start() place {
	p := place{before: time.UnixMicro(math.MaxInt64 / 2)}
	for i := range p.id {
		p.id[i] = 0xff
	}
	return p
}

func (p place) token() string {
	raw := binary.BigEndian.AppendUint64(nil, uint64(p.before.UnixMicro()))
	return base64.RawURLEncoding.EncodeToString(append(raw, p.id[:]...))
}

func parsePlace(token string) (place, error) {
	if token == "" {
		return start(), nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) != 40 {
		return place{}, errBadPage(token)
	}
	return place{before: time.UnixMicro(int64(binary.BigEndian.Uint64(raw))), id: htlc.Salt(raw[8:])}, nil
}

func (h settlement) List(ctx context.Context, req *kofov1.ListRequest) (*kofov1.ListResponse, error) {
	from, err := parsePlace(req.GetPage().GetToken())
	if err != nil {
		return nil, err
	}
	out, size := &kofov1.ListResponse{}, pageSize(req.GetPage())
	for looked := 0; looked < scanned; {
		batch := min(size, defaultPage)
		records, err := h.s.o.Records.Recent(ctx, from.before, from.id, batch)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			from = place{r.CreatedAt, r.ID()}
			looked++
			view, err := h.s.view(ctx, r)
			if err != nil {
				return nil, err
			}
			if len(req.GetPhases()) == 0 || slices.Contains(req.GetPhases(), view.GetPhase()) {
				out.Swaps = append(out.Swaps, view)
			}
			if len(out.GetSwaps()) == size {
				out.NextPageToken = from.token()
				return out, nil
			}
		}
		if len(records) < batch {
			return out, nil
		}
	}
	// A part may be short, or empty, and still have a next one.
	out.NextPageToken = from.token()
	return out, nil
}

// History begins with what the agreement's record tells, which has no number
// of its own, and goes on with the swap's events.
func (h settlement) History(ctx context.Context, req *kofov1.HistoryRequest) (*kofov1.HistoryResponse, error) {
	id, err := parseID(req.GetId())
	if err != nil {
		return nil, err
	}
	after := uint64(0)
	if token := req.GetPage().GetToken(); token != "" {
		if after, err = strconv.ParseUint(token, 10, 63); err != nil {
			return nil, errBadPage(token)
		}
	}
	r, err := h.s.o.Records.Find(ctx, id)
	if err != nil {
		return nil, err
	}
	if r.State != agreement.StateAgreed {
		entry := recordEntry(r)
		entry.Sequence = 1
		return &kofov1.HistoryResponse{Entries: []*kofov1.HistoryEntry{entry}}, nil
	}
	size := min(pageSize(req.GetPage()), store.MaxPage)
	events, err := h.s.o.Swaps.History(ctx, r.Swap(), after, size)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("history of %s: %w", r.Swap(), err)
	}
	out := &kofov1.HistoryResponse{}
	for _, e := range events {
		out.Entries = append(out.Entries, h.s.entryOf(r.Terms, r.Self(), e))
	}
	if len(events) == size {
		out.NextPageToken = strconv.FormatUint(events[len(events)-1].Seq, 10)
	}
	return out, nil
}
