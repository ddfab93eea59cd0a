package tower

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kofo-network/kofo/htlc"
)

// Errors of Keep.
var (
	// ErrStranger: the tower has no agreement with the owner.
	ErrStranger = errors.New("the tower keeps nothing for this party")
	// ErrQuota: the owner keeps as much as was agreed.
	ErrQuota = errors.New("the agreed quota is used up")
	// ErrTooLong: longer than was agreed.
	ErrTooLong = errors.New("packages are not kept that long")
)

// Quota is what was agreed with an owner. What that costs is agreed outside
// the tower, in words that it hands on.
type Quota struct {
	Packages int           // at one time
	Longest  time.Duration // that one is kept
	Price    string        // for people
}

// Offered is a package that an owner wants kept.
type Offered struct {
	Locator Locator
	Kind    Kind
	Bytes   []byte
	Until   int64 // unix seconds
	// Seen opens a refund at once: its funding was in a block before the package
	// came, and the tower does not look at that block again. Empty otherwise.
	Seen string
}

// Keep stores a package; when it returns nil the owner may rely on it. A
// better one for the same locator takes the place of the one before, until
// that has opened.
func (t *Tower) Keep(ctx context.Context, owner htlc.PartyID, o Offered) error {
	quota, now := t.o.Quota(owner), t.o.Now()
	switch {
	case o.Kind != Refund && o.Kind != Redeem:
		return fmt.Errorf("%w: kind %.20q", ErrPackage, string(o.Kind))
	case len(o.Bytes) == 0 || len(o.Bytes) > MaxPackage:
		return fmt.Errorf("%w: %d bytes, at most %d", ErrPackage, len(o.Bytes), MaxPackage)
	case quota.Packages == 0:
		return ErrStranger
	case o.Seen != "" && (o.Kind != Refund || RefundOpener(o.Seen).Locator() != o.Locator):
		return fmt.Errorf("%w: what opens it does not belong to it", ErrPackage)
	case o.Until <= now.Unix() || o.Until > now.Add(quota.Longest).Unix():
		return fmt.Errorf("%w: until %d, at most %s from now", ErrTooLong, o.Until, quota.Longest)
	}
	t.keeping.Lock()
	defer t.keeping.Unlock()
	own, err := t.o.Store.OwnPackages(ctx, owner)
	if err != nil {
		return err
	}
	if len(own) >= quota.Packages && !holds(own, o.Locator) {
		return fmt.Errorf("%w: %d packages", ErrQuota, quota.Packages)
	}
	p := Stored{Owner: owner, Locator: o.Locator, Kind: o.Kind, Bytes: o.Bytes, Until: o.Until, Task: Task{State: Sealed}}
	if o.Seen != "" { // what does not open is told to who can still change it
		if _, err := Open(o.Bytes, RefundOpener(o.Seen)); err != nil {
			return err
		}
	}
	if err := t.o.Store.SavePackage(ctx, p); err != nil {
		return err
	}
	t.index.add(o.Locator)
	if o.Seen == "" {
		return nil
	}
	return t.o.Store.SaveTasks(ctx, []Stored{t.unseal(p, RefundOpener(o.Seen), nil)}, nil)
}

func holds(own []Stored, l Locator) bool {
	for _, p := range own {
		if p.Locator == l {
			return true
		}
	}
	return false
}

// Kept is what an owner has here, for itself.
type Kept struct {
	Quota    Quota
	Packages []Stored // without the bytes
}

// Kept lists what an owner has here.
func (t *Tower) Kept(ctx context.Context, owner htlc.PartyID) (Kept, error) {
	own, err := t.o.Store.OwnPackages(ctx, owner)
	return Kept{Quota: t.o.Quota(owner), Packages: own}, err
}

// Drop forgets what nobody needs any more. Its locator stays in the index
// until the next start, which costs a question.
func (t *Tower) Drop(ctx context.Context) error {
	n, err := t.o.Store.DropPackages(ctx, t.o.Now().Unix())
	if err == nil && n > 0 {
		t.o.Log.Info("packages dropped", "number", n)
	}
	return err
}
