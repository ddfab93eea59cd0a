-- name: SetTowerOwner :exec
INSERT INTO tower_owners (owner, price, since, until) VALUES ($1, $2, $3, $4)
ON CONFLICT (owner) DO UPDATE SET price = excluded.price, since = excluded.since, until = excluded.until;

-- name: TowerOwner :one
SELECT * FROM tower_owners WHERE owner = $1;

-- name: CountTowerOwners :one
SELECT COUNT(*) FROM tower_owners WHERE until > $1;

-- name: SetGuard :exec
INSERT INTO guards (swap, leg, kind, tower, locator, about, until, kept_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (swap, leg, kind, tower) DO UPDATE
SET locator = excluded.locator, about = excluded.about, until = excluded.until, kept_at = excluded.kept_at;

-- name: Guards :many
SELECT * FROM guards WHERE swap = $1 ORDER BY leg, kind, tower;

-- name: DropGuard :exec
DELETE FROM guards WHERE swap = $1 AND leg = $2 AND kind = $3 AND tower = $4;

-- name: CountGuards :one
SELECT COUNT(*) FROM guards WHERE tower = $1 AND until > $2;

-- name: DropTowerPackage :execrows
DELETE FROM tower_packages WHERE owner = $1 AND locator = $2 AND state <> 'open';

-- name: CountTowerPackages :many
SELECT state, COUNT(*) AS number FROM tower_packages GROUP BY state ORDER BY state;
