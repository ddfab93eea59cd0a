package htlc_test

import (
	"testing"

	"github.com/kofo-network/kofo/htlc"
)

// A swap that was restored once already, and has shown its secret after the
// backup that is restored now, learns of it from the note all the same.
func TestSecondRestoreTakesTheNote(t *testing.T) {
	s := tellAll(t, readyToFund(t, 0), htlc.Restored{})
	s = tellAll(t, s, htlc.Restored{RevealOut: true})
	if !s.Released {
		t.Error("the note that the secret may be out is passed over")
	}
}
