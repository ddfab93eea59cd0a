package store

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/kofo-network/kofo/adapters"
	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store/sqlcgen"
	"github.com/kofo-network/kofo/monitor/tower"
)

// towerPage is how many locators are read at a time.
const towerPage = 10_000

// SavePackage implements tower.Shelf.
func (s *Store) SavePackage(ctx context.Context, p tower.Stored) error {
	ord := s.now() // orders lists for people
	return s.write(ctx, "keep package "+p.Locator.String(), func(ctx context.Context, q *sqlcgen.Queries) error {
		n, err := q.AddTowerPackage(ctx, sqlcgen.AddTowerPackageParams{
			Owner: p.Owner[:], Locator: p.Locator[:], Kind: string(p.Kind), Bytes: p.Bytes, Until: p.Until, Ord: ord, Nothing: []byte{},
		})
		if err == nil && n == 0 {
			return tower.ErrInUse
		}
		return err
	})
}

// Packages implements tower.Shelf.
func (s *Store) Packages(ctx context.Context, l tower.Locator) ([]tower.Stored, error) {
	return s.towerPackages(ctx, "look for package "+l.String(), func(ctx context.Context, q *sqlcgen.Queries) ([]sqlcgen.TowerPackage, error) {
		return q.TowerPackages(ctx, l[:])
	})
}

// OwnPackages implements tower.Shelf.
func (s *Store) OwnPackages(ctx context.Context, owner htlc.PartyID) ([]tower.Stored, error) {
	own, err := s.towerPackages(ctx, "list packages of "+owner.String(), func(ctx context.Context, q *sqlcgen.Queries) ([]sqlcgen.TowerPackage, error) {
		return q.TowerPackagesOf(ctx, owner[:])
	})
	for i := range own {
		own[i].Bytes = nil
	}
	return own, err
}

// OpenPackages implements tower.Store.
func (s *Store) OpenPackages(ctx context.Context, chain htlc.ChainID) ([]tower.Stored, error) {
	return s.towerPackages(ctx, "list open packages of "+string(chain), func(ctx context.Context, q *sqlcgen.Queries) ([]sqlcgen.TowerPackage, error) {
		return q.OpenTowerPackages(ctx, string(chain))
	})
}

func (s *Store) towerPackages(
	ctx context.Context, op string, ask func(context.Context, *sqlcgen.Queries) ([]sqlcgen.TowerPackage, error),
) ([]tower.Stored, error) {
	var rows []sqlcgen.TowerPackage
	err := s.read(ctx, op, func(ctx context.Context, q *sqlcgen.Queries) (err error) {
		rows, err = ask(ctx, q)
		return err
	})
	if err != nil {
		return nil, err
	}
	var out []tower.Stored
	for _, row := range rows {
		p, err := packageOf(row)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", op, err)
		}
		out = append(out, p)
	}
	return out, nil
}

func packageOf(row sqlcgen.TowerPackage) (tower.Stored, error) {
	p := tower.Stored{
		Kind: tower.Kind(row.Kind), Bytes: row.Bytes, Until: row.Until,
		Task: tower.Task{
			State: tower.State(row.State), Chain: htlc.ChainID(row.Chain), Since: row.Since,
			From: uint64(row.Started), TxID: row.TxID, GoneAt: uint64(row.GoneAt),
		},
	}
	if copy(p.Owner[:], row.Owner) != len(p.Owner) || copy(p.Locator[:], row.Locator) != len(p.Locator) {
		return p, fmt.Errorf("%w: a package's owner and locator of %d and %d bytes", ErrCorrupt, len(row.Owner), len(row.Locator))
	}
	if len(row.Opener) > 0 {
		p.Opener = tower.OpenerOf(p.Kind, string(row.Opener))
	}
	if len(row.Secret) > 0 {
		secret, err := htlc.NewSecret(row.Secret)
		if err != nil {
			return p, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		p.Secret = &secret
	}
	return p, nil
}

// Locators implements tower.Shelf.
func (s *Store) Locators(ctx context.Context, visit func(tower.Locator)) error {
	for after := []byte{}; ; {
		var page [][]byte
		err := s.read(ctx, "list packages", func(ctx context.Context, q *sqlcgen.Queries) (err error) {
			page, err = q.TowerLocators(ctx, sqlcgen.TowerLocatorsParams{Locator: after, Limit: towerPage})
			return err
		})
		if err != nil {
			return err
		}
		for _, raw := range page {
			if len(raw) != tower.LocatorSize {
				return fmt.Errorf("%w: a locator of %d bytes", ErrCorrupt, len(raw))
			}
			visit(tower.Locator(raw))
		}
		if len(page) < towerPage {
			return nil
		}
		after = page[len(page)-1]
	}
}

// DropPackages implements tower.Shelf.
func (s *Store) DropPackages(ctx context.Context, now int64) (dropped int64, err error) {
	err = s.write(ctx, "drop packages", func(ctx context.Context, q *sqlcgen.Queries) (err error) {
		dropped, err = q.DropTowerPackages(ctx, now)
		return err
	})
	return dropped, err
}

// SaveTasks implements tower.Store.
func (s *Store) SaveTasks(ctx context.Context, tasks []tower.Stored, cursor *tower.Cursor) error {
	return s.write(ctx, "save the tower's work", func(ctx context.Context, q *sqlcgen.Queries) error {
		for _, p := range tasks {
			row, err := taskRow(p)
			if err != nil {
				return err
			}
			if err := q.SetTowerTask(ctx, row); err != nil {
				return err
			}
		}
		if cursor == nil {
			return nil
		}
		b := cursor.Block
		if b.Height > math.MaxInt64 {
			return fmt.Errorf("%w: height %d", ErrRange, b.Height)
		}
		return q.SetTowerCursor(ctx, sqlcgen.SetTowerCursorParams{
			Chain: string(cursor.Chain), Height: int64(b.Height), Hash: b.Hash[:], Parent: b.Parent[:], Time: b.Time, Clock: b.Clock,
		})
	})
}

func taskRow(p tower.Stored) (sqlcgen.SetTowerTaskParams, error) {
	if p.From > math.MaxInt64 || p.GoneAt > math.MaxInt64 {
		return sqlcgen.SetTowerTaskParams{}, fmt.Errorf("%w: heights %d and %d", ErrRange, p.From, p.GoneAt)
	}
	secret := []byte{}
	if p.Secret != nil {
		raw := p.Secret.Reveal() // it is public: a chain has shown it
		secret = raw[:]
	}
	return sqlcgen.SetTowerTaskParams{
		State: string(p.State), Chain: string(p.Chain), Opener: []byte(p.Opener.Seen()), Secret: secret, Since: p.Since,
		Started: int64(p.From), TxID: p.TxID, GoneAt: int64(p.GoneAt), Owner: p.Owner[:], Locator: p.Locator[:],
	}, nil
}

// TowerCursor implements tower.Store.
func (s *Store) TowerCursor(ctx context.Context, chain htlc.ChainID) (tower.Cursor, bool, error) {
	var row sqlcgen.TowerCursor
	op := "read the tower's cursor of " + string(chain)
	err := s.read(ctx, op, func(ctx context.Context, q *sqlcgen.Queries) (err error) {
		row, err = q.TowerCursor(ctx, string(chain))
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return tower.Cursor{}, false, nil
	}
	if err != nil {
		return tower.Cursor{}, false, err
	}
	out := tower.Cursor{Chain: chain, Block: adapters.BlockRef{Height: uint64(row.Height), Time: row.Time, Clock: row.Clock}}
	if copy(out.Block.Hash[:], row.Hash) != len(out.Block.Hash) || copy(out.Block.Parent[:], row.Parent) != len(out.Block.Parent) {
		return tower.Cursor{}, false, fmt.Errorf("%s: %w: hashes of %d and %d bytes", op, ErrCorrupt, len(row.Hash), len(row.Parent))
	}
	return out, true, nil
}
