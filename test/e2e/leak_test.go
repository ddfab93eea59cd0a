//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/kofo-network/kofo/api/sdk"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/monitor/killpoint"
)

// TestSafety_D9_SecretStaysInside kills the initiator right before the reveal,
// when the redeem with the secret is signed and stored, and looks for the
// secret in everything that both nodes have written and said until then.
func TestSafety_D9_SecretStaysInside(t *testing.T) {
	t.Parallel()
	eachStorage(t, func(ctx context.Context, t *testing.T, where storage) {
		// A few blocks between funding and reveal leave time to ask for everything.
		p := newPairOn(ctx, t, where, nodes.chains, func(s *settings) { s.MoreEthereum = ", min_confirmations: 6" })
		p.initiator.restart(ctx, "KOFO_KILL_AT="+killpoint.RedeemStored)
		id := p.agree(ctx)
		p.initiator.reaches(ctx, id, funded(sdk.LegRolePayee, 1))
		found := map[string]map[string][]byte{p.initiator.name: {"API": p.initiator.answers(ctx, id)}}
		terms, secret := p.secret(ctx, id)
		must(t, p.initiator.process.killed(ctx))
		p.initiator.forget()
		maps.Copy(found[p.initiator.name], p.initiator.written(ctx))
		found[p.participant.name] = p.participant.written(ctx)
		found[p.participant.name]["API"] = p.participant.answers(ctx, id)

		for who, places := range found {
			for place, text := range places {
				if contains(text, secret[:]) {
					t.Errorf("%s of the %s contains the secret", place, who)
				}
			}
			// The hash is no secret: it shows that the search finds things.
			for _, place := range []string{"API", "database"} {
				if !contains(places[place], terms.SecretHash[:]) {
					t.Errorf("%s of the %s lacks even the hash: it was not searched", place, who)
				}
			}
		}
		p.initiator.start(ctx)
		p.swapped(ctx, id)
	})
}

// secret derives the swap's secret as the initiator's node does.
func (p pair) secret(ctx context.Context, id string) (htlc.Terms, [htlc.SecretSize]byte) {
	p.t.Helper()
	got, err := p.initiator.client.Settlement.Get(ctx, &sdk.GetRequest{Id: id})
	must(p.t, err)
	terms, err := htlc.DecodeTerms(got.GetDocuments().GetTerms())
	must(p.t, err)
	secret, err := p.initiator.keys().Secret(terms.Salt)
	must(p.t, err)
	if !secret.Opens(terms.SecretHash) {
		p.t.Fatal("this is not the secret of the swap")
	}
	return terms, secret.Reveal()
}

func contains(text, raw []byte) bool {
	return slices.ContainsFunc(forms(raw), func(form []byte) bool { return bytes.Contains(text, form) })
}

// forms are the ways in which 32 bytes can stand in a text.
func forms(raw []byte) [][]byte {
	lower := hex.EncodeToString(raw)
	out := [][]byte{raw, []byte(lower), []byte(strings.ToUpper(lower)), fmt.Append(nil, raw)}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		for shift := range 3 { // as a part of something longer
			text := encoding.EncodeToString(append(make([]byte, shift), raw...))
			out = append(out, []byte(text[4:len(text)-4]))
		}
	}
	for _, form := range slices.Clone(out) { // a dump writes texts as hexadecimal bytes
		out = append(out, []byte(hex.EncodeToString(form)))
	}
	return out
}

// written is what a node has written, by place.
func (p *party) written(ctx context.Context) map[string][]byte {
	p.t.Helper()
	out := map[string][]byte{}
	must(p.t, filepath.WalkDir(p.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(path)
		place := "file " + strings.TrimPrefix(path, p.dir)
		if strings.Contains(filepath.Base(path), "kofo.db") {
			place = "database"
		}
		out[place] = append(out[place], raw...)
		return err
	}))
	if p.set.DSN != "" {
		dump, err := nodes.postgres.Dump(ctx, p.set.DSN)
		must(p.t, err)
		out["database"] = dump
	}
	if p.set.Bus == nodes.natsURL {
		out["stream"] = p.stream(ctx)
	}
	return out
}

// answers are those of every reading call.
func (p *party) answers(ctx context.Context, id string) []byte {
	p.t.Helper()
	var out bytes.Buffer
	add := func(m proto.Message, err error) {
		p.t.Helper()
		must(p.t, err)
		text, err := protojson.Marshal(m)
		must(p.t, err)
		out.Write(text)
	}
	c := p.client
	add(c.Settlement.Get(ctx, &sdk.GetRequest{Id: id}))
	add(c.Settlement.List(ctx, &sdk.ListRequest{}))
	add(c.Settlement.History(ctx, &sdk.HistoryRequest{Id: id}))
	add(c.Wallet.Addresses(ctx, &sdk.AddressesRequest{}))
	add(c.Wallet.Balances(ctx, &sdk.BalancesRequest{}))
	add(c.Wallet.Transactions(ctx, &sdk.TransactionsRequest{}))
	add(c.Chains.ListChains(ctx, &sdk.ListChainsRequest{}))
	add(c.Node.Info(ctx, &sdk.InfoRequest{}))
	add(c.Tokens.ListTokens(ctx, &sdk.ListTokensRequest{}))
	for update, err := range c.Watch(ctx, sdk.WatchOptions{IDs: []string{id}}) {
		add(update, err)
		if update.GetKind() == sdk.WatchKindSnapshotEnd {
			break
		}
	}
	return out.Bytes()
}

// stream is every message that the node's stream still holds.
func (p *party) stream(ctx context.Context) []byte {
	p.t.Helper()
	nc, err := nats.Connect(nodes.natsURL)
	must(p.t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	must(p.t, err)
	stream, err := js.Stream(ctx, streamOf(p))
	must(p.t, err)
	info, err := stream.Info(ctx)
	must(p.t, err)
	var out bytes.Buffer
	for seq := info.State.FirstSeq; seq <= info.State.LastSeq; seq++ {
		m, err := stream.GetMsg(ctx, seq)
		must(p.t, err)
		out.Write(m.Data)
	}
	if out.Len() == 0 {
		p.t.Fatal("the stream is empty")
	}
	return out.Bytes()
}
