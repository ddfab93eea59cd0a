package bus

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
)

// ErrMessage is returned for bytes that are no message of this version.
var ErrMessage = errors.New("not a bus message of this version")

const version = 1

// Epoch says for which Follow request a watcher published a message. A
// session is one life of an engine; N grows with its requests.
type Epoch struct {
	Session string `json:",omitempty"`
	N       uint64 `json:",omitempty"`
}

// Message is what a watcher tells: either a step along the chain, or a
// sighting in the mempool.
type Message struct {
	Chain htlc.ChainID
	Epoch Epoch // of a step
	Step  *adapters.Step
	// Recent are the blocks up to the step's, oldest first, where a chain
	// begins with it: the way back, in one piece with the block that needs it.
	Recent []adapters.BlockRef
	Sight  *adapters.Fact
}

// Op is what the engine asks of a watcher.
type Op string

// The operations of a Request.
const (
	// OpFollow: publish every step after Cursor; nil starts at the tip. A
	// watcher that does not know the session watches nothing yet; unless
	// Watched is set it says so and does not follow.
	OpFollow  Op = "follow"
	OpWatch   Op = "watch"   // watch a leg's contract; Ref where its funding is known
	OpUnwatch Op = "unwatch" // forget a contract
	OpScan    Op = "scan"    // facts of a watched contract from block From to the watcher's position
)

// Request is sent to the watcher of a chain.
type Request struct {
	Op Op
	// Of OpFollow. Recent are the blocks up to the cursor, oldest first, for
	// a node that has forgotten the blocks that it left; Watched says that
	// every contract of interest is watched.
	Epoch   Epoch
	Cursor  *adapters.BlockRef  `json:",omitempty"`
	Recent  []adapters.BlockRef `json:",omitempty"`
	Watched bool                `json:",omitempty"`
	// Of OpWatch.
	Terms *htlc.Terms `json:",omitempty"`
	Leg   int         `json:",omitempty"`
	Ref   string      `json:",omitempty"`
	// Of OpUnwatch and OpScan.
	Contract string `json:",omitempty"`
	From     uint64 `json:",omitempty"`
}

// Reply answers a Request.
type Reply struct {
	Error    string `json:",omitempty"`
	Contract adapters.Contract
	Facts    []adapters.Located
	// Position is the block that the watcher has published last, and Epoch
	// that of the request which it follows. Without a position a scan says
	// nothing and may be tried again in a moment.
	Position adapters.BlockRef
	Epoch    Epoch
	// Fresh: the watcher does not know the session and does not follow.
	Fresh bool `json:",omitempty"`
}

type wireFact struct {
	Kind                        adapters.FactKind
	Contract, TxID, Ref, Detail string
	Own                         bool               `json:",omitempty"`
	Secret                      string             `json:",omitempty"`
	Block                       *adapters.BlockRef `json:",omitempty"`
}

type wireMessage struct {
	V     int
	Chain htlc.ChainID
	Epoch Epoch
	Kind  adapters.StepKind
	Block *adapters.BlockRef `json:",omitempty"`
	Facts []wireFact
	// Recent ends with Block.
	Recent []adapters.BlockRef `json:",omitempty"`
}

type wireReply struct {
	V        int
	Error    string
	Contract adapters.Contract
	Facts    []wireFact
	Position adapters.BlockRef
	Epoch    Epoch
	Fresh    bool
}

type wireRequest struct {
	V int
	Request
}

// A fact's secret has been published on a chain by the time it gets here.
func toWire(f adapters.Fact) wireFact {
	w := wireFact{Kind: f.Kind, Contract: f.Contract, TxID: f.TxID, Ref: f.Ref, Detail: f.Detail, Own: f.Own}
	if f.Secret != nil {
		raw := f.Secret.Reveal()
		w.Secret = hex.EncodeToString(raw[:])
	}
	return w
}

func (w wireFact) fact() (adapters.Fact, error) {
	f := adapters.Fact{Kind: w.Kind, Contract: w.Contract, TxID: w.TxID, Ref: w.Ref, Detail: w.Detail, Own: w.Own}
	if w.Secret == "" {
		if w.Kind == adapters.Redeemed {
			return f, fmt.Errorf("%w: a redeem without its secret", ErrMessage)
		}
		return f, nil
	}
	raw, err := hex.DecodeString(w.Secret)
	if err != nil {
		return f, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	secret, err := htlc.NewSecret(raw)
	if err != nil {
		return f, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	f.Secret = &secret
	return f, nil
}

// EncodeMessage writes a message.
func EncodeMessage(m Message) ([]byte, error) {
	w := wireMessage{V: version, Chain: m.Chain, Epoch: m.Epoch}
	switch {
	case m.Step != nil:
		w.Kind, w.Block, w.Recent = m.Step.Kind, &m.Step.Block, m.Recent
		for _, f := range m.Step.Facts {
			w.Facts = append(w.Facts, toWire(f))
		}
	case m.Sight != nil:
		w.Facts = []wireFact{toWire(*m.Sight)}
	}
	return json.Marshal(w)
}

// DecodeMessage reads what EncodeMessage wrote.
func DecodeMessage(raw []byte) (Message, error) {
	var w wireMessage
	if err := json.Unmarshal(raw, &w); err != nil {
		return Message{}, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	if w.V != version || w.Chain == "" {
		return Message{}, fmt.Errorf("%w: version %d, chain %q", ErrMessage, w.V, w.Chain)
	}
	facts := make([]adapters.Fact, 0, len(w.Facts))
	for _, wf := range w.Facts {
		f, err := wf.fact()
		if err != nil {
			return Message{}, err
		}
		facts = append(facts, f)
	}
	if err := leadsTo(w.Recent, w.Block); err != nil {
		return Message{}, err
	}
	m := Message{Chain: w.Chain, Epoch: w.Epoch, Recent: w.Recent}
	switch {
	case w.Block != nil && (w.Kind == adapters.Connect || w.Kind == adapters.Disconnect):
		m.Step = &adapters.Step{Kind: w.Kind, Block: *w.Block, Facts: facts}
	case w.Block == nil && len(facts) == 1:
		m.Sight = &facts[0]
	default:
		return Message{}, fmt.Errorf("%w: neither a step nor a sighting", ErrMessage)
	}
	return m, nil
}

// leadsTo checks that the blocks of a beginning form a chain up to its block.
func leadsTo(recent []adapters.BlockRef, block *adapters.BlockRef) error {
	if len(recent) == 0 {
		return nil
	}
	if block == nil || recent[len(recent)-1] != *block {
		return fmt.Errorf("%w: a beginning that does not end with its block", ErrMessage)
	}
	for i := 1; i < len(recent); i++ {
		if recent[i].Parent != recent[i-1].Hash || recent[i].Height != recent[i-1].Height+1 {
			return fmt.Errorf("%w: the blocks of a beginning form no chain at height %d", ErrMessage, recent[i].Height)
		}
	}
	return nil
}

// EncodeReply writes a reply.
func EncodeReply(r Reply) ([]byte, error) {
	w := wireReply{V: version, Error: r.Error, Contract: r.Contract, Position: r.Position, Epoch: r.Epoch, Fresh: r.Fresh}
	for _, l := range r.Facts {
		wf := toWire(l.Fact)
		wf.Block = &l.Block
		w.Facts = append(w.Facts, wf)
	}
	return json.Marshal(w)
}

// DecodeReply reads what EncodeReply wrote.
func DecodeReply(raw []byte) (Reply, error) {
	var w wireReply
	if err := json.Unmarshal(raw, &w); err != nil {
		return Reply{}, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	if w.V != version {
		return Reply{}, fmt.Errorf("%w: version %d", ErrMessage, w.V)
	}
	r := Reply{Error: w.Error, Contract: w.Contract, Position: w.Position, Epoch: w.Epoch, Fresh: w.Fresh}
	for _, wf := range w.Facts {
		f, err := wf.fact()
		if err != nil {
			return Reply{}, err
		}
		if wf.Block == nil {
			return Reply{}, fmt.Errorf("%w: a located fact without its block", ErrMessage)
		}
		r.Facts = append(r.Facts, adapters.Located{Fact: f, Block: *wf.Block})
	}
	return r, nil
}

// EncodeRequest writes a request.
func EncodeRequest(r Request) ([]byte, error) {
	return json.Marshal(wireRequest{V: version, Request: r})
}

// DecodeRequest reads what EncodeRequest wrote.
func DecodeRequest(raw []byte) (Request, error) {
	var w wireRequest
	if err := json.Unmarshal(raw, &w); err != nil {
		return Request{}, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	if w.V != version {
		return Request{}, fmt.Errorf("%w: version %d", ErrMessage, w.V)
	}
	if w.Op == OpWatch && (w.Terms == nil || w.Leg < 0 || w.Leg >= len(w.Terms.Legs)) {
		return Request{}, fmt.Errorf("%w: a watch without terms and leg", ErrMessage)
	}
	return w.Request, nil
}
