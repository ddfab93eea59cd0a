package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store/sqlcgen"
	"github.com/kofo-network/kofo/internal/tower"
	guarded "github.com/kofo-network/kofo/monitor/tower"
)

// SaveOwner implements tower.Register.
func (s *Store) SaveOwner(ctx context.Context, o tower.Owner) error {
	return s.write(ctx, "register owner "+o.Party.String(), func(ctx context.Context, q *sqlcgen.Queries) error {
		return q.SetTowerOwner(ctx, sqlcgen.SetTowerOwnerParams{Owner: o.Party[:], Price: o.Price, Since: o.Since, Until: o.Until})
	})
}

// FindOwner implements tower.Register.
func (s *Store) FindOwner(ctx context.Context, party htlc.PartyID) (tower.Owner, bool, error) {
	o := tower.Owner{Party: party}
	found := false
	err := s.read(ctx, "look for owner "+party.String(), func(ctx context.Context, q *sqlcgen.Queries) error {
		row, err := q.TowerOwner(ctx, party[:])
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		o.Price, o.Since, o.Until, found = row.Price, row.Since, row.Until, err == nil
		return err
	})
	return o, found, err
}

// CountOwners implements tower.Register.
func (s *Store) CountOwners(ctx context.Context, now int64) (n int64, err error) {
	err = s.read(ctx, "count owners", func(ctx context.Context, q *sqlcgen.Queries) (err error) {
		n, err = q.CountTowerOwners(ctx, now)
		return err
	})
	return n, err
}

// ForgetPackage implements tower.Register.
func (s *Store) ForgetPackage(ctx context.Context, owner htlc.PartyID, l guarded.Locator) (known bool, err error) {
	err = s.write(ctx, "forget package "+l.String(), func(ctx context.Context, q *sqlcgen.Queries) error {
		n, err := q.DropTowerPackage(ctx, sqlcgen.DropTowerPackageParams{Owner: owner[:], Locator: l[:]})
		known = n > 0
		return err
	})
	return known, err
}

// TowerStates counts what a watchtower keeps, by state.
func (s *Store) TowerStates(ctx context.Context) (map[guarded.State]int64, error) {
	out := map[guarded.State]int64{}
	err := s.read(ctx, "count packages", func(ctx context.Context, q *sqlcgen.Queries) error {
		rows, err := q.CountTowerPackages(ctx)
		for _, row := range rows {
			out[guarded.State(row.State)] = row.Number
		}
		return err
	})
	return out, err
}

// SaveGuard implements tower.Guards.
func (s *Store) SaveGuard(ctx context.Context, g tower.Guarded) error {
	return s.write(ctx, "note a guard of swap "+g.Swap.String(), func(ctx context.Context, q *sqlcgen.Queries) error {
		return q.SetGuard(ctx, sqlcgen.SetGuardParams{
			Swap: g.Swap[:], Leg: int64(g.Leg), Kind: string(g.Kind), Tower: g.Tower[:], Locator: g.Locator[:], About: g.About, Until: g.Until, KeptAt: g.KeptAt,
		})
	})
}

// SwapGuards implements tower.Guards.
func (s *Store) SwapGuards(ctx context.Context, swap htlc.SwapID) ([]tower.Guarded, error) {
	var rows []sqlcgen.Guard
	err := s.read(ctx, "read the guards of swap "+swap.String(), func(ctx context.Context, q *sqlcgen.Queries) (err error) {
		rows, err = q.Guards(ctx, swap[:])
		return err
	})
	if err != nil {
		return nil, err
	}
	var out []tower.Guarded
	for _, row := range rows {
		g := tower.Guarded{Swap: swap, Leg: int(row.Leg), Kind: guarded.Kind(row.Kind), About: row.About, Until: row.Until, KeptAt: row.KeptAt}
		if copy(g.Tower[:], row.Tower) != len(g.Tower) || copy(g.Locator[:], row.Locator) != len(g.Locator) {
			return nil, fmt.Errorf("%w: a guard's tower and locator of %d and %d bytes", ErrCorrupt, len(row.Tower), len(row.Locator))
		}
		out = append(out, g)
	}
	return out, nil
}

// DropGuard implements tower.Guards.
func (s *Store) DropGuard(ctx context.Context, g tower.Guarded) error {
	return s.write(ctx, "forget a guard of swap "+g.Swap.String(), func(ctx context.Context, q *sqlcgen.Queries) error {
		return q.DropGuard(ctx, sqlcgen.DropGuardParams{Swap: g.Swap[:], Leg: int64(g.Leg), Kind: string(g.Kind), Tower: g.Tower[:]})
	})
}

// CountGuards implements tower.Guards.
func (s *Store) CountGuards(ctx context.Context, of htlc.PartyID, now int64) (n int64, err error) {
	err = s.read(ctx, "count what a tower keeps", func(ctx context.Context, q *sqlcgen.Queries) (err error) {
		n, err = q.CountGuards(ctx, sqlcgen.CountGuardsParams{Tower: of[:], Until: now})
		return err
	})
	return n, err
}
