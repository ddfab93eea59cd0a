package contracts_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common/hexutil"

	"github.com/kofo-network/kofo/adapters/evm/bindings"
	"github.com/kofo-network/kofo/adapters/evm/contracts"
)

// What is committed as compiled was compiled from the source that is committed, and the bindings carry the
// same code.
func TestArtifactsMatchTheirSource(t *testing.T) {
	for _, folder := range []struct{ artifacts, sources string }{
		{"artifacts", "src"}, {"testdata/artifacts", "testdata"},
	} {
		names, err := filepath.Glob(filepath.Join(folder.artifacts, "*.json"))
		if err != nil || len(names) == 0 {
			t.Fatalf("no artifacts in %s: %v", folder.artifacts, err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			artifact, err := contracts.ParseArtifact(data)
			if err != nil {
				t.Fatal(err)
			}
			source, err := os.ReadFile(filepath.Join(folder.sources, artifact.Source))
			if err != nil {
				t.Fatal(err)
			}
			if sum := sha256.Sum256(source); hex.EncodeToString(sum[:]) != artifact.SourceSHA256 {
				t.Errorf("%s was compiled from another %s: run generate.sh", name, artifact.Source)
			}
			if !strings.HasPrefix(artifact.Compiler, "0.8.37+") {
				t.Errorf("%s was compiled by %s", name, artifact.Compiler)
			}
		}
	}
	if bindings.HtlcMetaData.Bin != hexutil.Encode(contracts.Htlc().Bytecode) {
		t.Error("the bindings carry other code: run generate.sh")
	}
}

func FuzzParseArtifact(f *testing.F) {
	f.Add([]byte(`{"source":"a.sol","bytecode":"0x00","runtime":"0x00","immutables":[0]}`))
	f.Add([]byte(`{"source":"a.sol","bytecode":"0x00","runtime":"0x00","immutables":[9223372036854775807]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := contracts.ParseArtifact(data)
		if err != nil {
			return
		}
		for _, at := range a.Immutables {
			if at < 0 || at > len(a.Runtime)-32 {
				t.Fatal("an immutable outside the code was accepted")
			}
		}
	})
}
