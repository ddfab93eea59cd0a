package prompt_test

import (
	"io"
	"os"
	"testing"

	"github.com/kofo-network/kofo/internal/prompt"
)

func TestNobodyIsAskedThroughAPipe(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = read.Close() }()
	defer func() { _ = write.Close() }()
	if prompt.New(t.Context(), read, io.Discard) != nil {
		t.Error("a pipe is taken for a terminal")
	}
}
