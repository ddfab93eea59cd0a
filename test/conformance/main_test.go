package conformance

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/kofo-network/kofo/internal/devnet/devnettest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, devnettest.Leaks()...) }
