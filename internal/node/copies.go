package node

import (
	"context"
	"errors"
	"fmt"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/agreement"
	"github.com/kofo-network/kofo/internal/store"
	"github.com/kofo-network/kofo/monitor/killpoint"
)

// copies writes the Terms of each swap to a folder outside the database. With
// the seed and one of these files a swap can be settled without anything else.
type copies struct {
	dir   string
	store *store.Store
}

// EnsureCopy returns when the copy is durable.
func (c *copies) EnsureCopy(ctx context.Context, s htlc.Swap) error {
	history, err := c.store.History(ctx, s.ID, 0, 1)
	if err != nil {
		return fmt.Errorf("read the signatures of swap %s: %w", s.ID, err)
	}
	if len(history) == 0 {
		return errors.New("the swap has no history yet")
	}
	signed, ok := history[0].Event.(htlc.TermsSigned)
	if !ok {
		return fmt.Errorf("swap %s begins with %s", s.ID, history[0].Event.Kind())
	}
	killpoint.At(killpoint.TermsBeforeCopy)
	if err := agreement.WriteTermsCopy(c.dir, htlc.SignedTerms{Terms: signed.Terms, Signatures: signed.Signatures, Since: signed.Since}); err != nil {
		return err
	}
	killpoint.At(killpoint.TermsAfterCopy)
	return nil
}
