package bitcoin_test

import (
	"testing"

	"github.com/kofo-network/kofo/adapters/bitcoin/bitcointest"
)

func TestBook(t *testing.T) {
	bitcointest.RunStores(t, func(*testing.T) bitcointest.Stores { return bitcointest.NewBook() }, nil)
}
