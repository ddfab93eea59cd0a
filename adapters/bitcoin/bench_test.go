package bitcoin

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	"github.com/btcsuite/btcd/wire/v2"

	"github.com/kofo-network/kofo/adapters"
)

const (
	benchTxs       = 4_000
	benchContracts = 100_000
	benchHits      = 100 // fundings, and as many spends
)

// benchSet watches contracts that differ in their script only: to derive a
// hundred thousand real ones takes longer than the benchmark.
func benchSet() *watchSet {
	set := newWatchSet()
	for i := range benchContracts {
		c := &contract{amount: 1_000, script: benchScript(0x51, i), id: fmt.Sprint(i)}
		set.add(c, &wire.OutPoint{Hash: benchHash(i)})
	}
	return set
}

func benchScript(op byte, i int) []byte {
	script := append([]byte{op, 32}, make([]byte, 32)...)
	binary.BigEndian.PutUint64(script[2:], uint64(i))
	return script
}

func benchHash(i int) (h chainhash.Hash) {
	binary.BigEndian.PutUint64(h[:], uint64(i))
	return h
}

// benchBlock has transactions of two taproot inputs and three outputs, some of
// which lock and some of which spend watched contracts.
func benchBlock(parent chainhash.Hash) *wire.MsgBlock {
	block := wire.NewMsgBlock(&wire.BlockHeader{PrevBlock: parent, Timestamp: time.Unix(1_700_000_000, 0)})
	for i := range benchTxs {
		tx := wire.NewMsgTx(txVersion)
		for j := range 2 {
			hash := benchHash(1<<40 + 2*i + j)
			if j == 0 && i%(benchTxs/benchHits) == 0 {
				hash = benchHash(i)
			}
			tx.AddTxIn(wire.NewTxIn(&wire.OutPoint{Hash: hash}, nil, wire.TxWitness{make([]byte, 64)}))
		}
		for j := range 3 {
			script := benchScript(0x51, 1<<40+3*i+j)
			if j == 0 && i%(benchTxs/benchHits) == 1 {
				script = benchScript(0x51, i)
			}
			tx.AddTxOut(wire.NewTxOut(1_000, script))
		}
		_ = block.AddTransaction(tx)
	}
	return block
}

// BenchmarkMatchBlock is the look-up alone.
func BenchmarkMatchBlock(b *testing.B) {
	set, block := benchSet(), benchBlock(chainhash.Hash{})
	b.ReportAllocs()
	for b.Loop() {
		if facts := set.matchBlock(block); len(facts) != 2*benchHits {
			b.Fatalf("%d facts", len(facts))
		}
	}
}

// BenchmarkNextBlock is all of Next: the block is read over HTTP, parsed and
// looked through.
func BenchmarkNextBlock(b *testing.B) {
	params := Regtest()
	block := benchBlock(*params.Net.GenesisHash)
	var raw, head, genesis bytes.Buffer
	for _, err := range []error{
		block.Serialize(&raw), block.Header.Serialize(&head), params.Net.GenesisBlock.Header.Serialize(&genesis),
	} {
		if err != nil {
			b.Fatal(err)
		}
	}
	hash := block.BlockHash().String()
	answers := map[string]string{
		"getblockhash 0": params.Net.GenesisHash.String(), "getblockhash 1": hash,
		"getblock " + hash: hex.EncodeToString(raw.Bytes()), "getblockheader " + hash: hex.EncodeToString(head.Bytes()),
		"getblockheader " + params.Net.GenesisHash.String(): hex.EncodeToString(genesis.Bytes()),
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var call struct {
			Method string `json:"method"`
			Params []any  `json:"params"`
		}
		if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
			b.Error(err)
			return
		}
		_, _ = io.WriteString(w, `{"result":"`+answers[fmt.Sprint(call.Method, " ", call.Params[0])]+`","error":null,"id":1}`)
	}))
	defer server.Close()
	rpc, err := newRPCClient(server.URL, "", "", nil)
	if err != nil {
		b.Fatal(err)
	}
	defer rpc.http.CloseIdleConnections()
	set := benchSet()
	cursor := adapters.BlockRef{Hash: hashOf(*params.Net.GenesisHash)}
	b.ReportAllocs()
	for b.Loop() {
		a := &Adapter{node: newNode(rpc, params), watched: set} // nothing is remembered
		step, err := a.Next(b.Context(), cursor)
		if err != nil || len(step.Facts) != 2*benchHits {
			b.Fatalf("%d facts: %v", len(step.Facts), err)
		}
	}
	b.ReportMetric(float64(raw.Len()), "block-bytes")
}
