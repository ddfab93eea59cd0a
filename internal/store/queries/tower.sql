-- name: AddTowerPackage :execrows
INSERT INTO tower_packages (owner, locator, kind, bytes, until, ord, state, chain, opener, secret, since, started, txid, gone_at)
VALUES (sqlc.arg(owner), sqlc.arg(locator), sqlc.arg(kind), sqlc.arg(bytes), sqlc.arg(until), sqlc.arg(ord),
        'sealed', '', sqlc.arg(nothing), sqlc.arg(nothing), 0, 0, '', 0)
ON CONFLICT (owner, locator) DO UPDATE
SET kind = excluded.kind, bytes = excluded.bytes, until = excluded.until
WHERE tower_packages.state = 'sealed';

-- name: TowerPackages :many
SELECT * FROM tower_packages WHERE locator = $1 ORDER BY ord, owner;

-- name: TowerPackagesOf :many
SELECT * FROM tower_packages WHERE owner = $1 ORDER BY ord, locator;

-- name: OpenTowerPackages :many
SELECT * FROM tower_packages WHERE state = 'open' AND chain = $1 ORDER BY ord, owner, locator;

-- name: TowerLocators :many
SELECT locator FROM tower_packages WHERE locator > $1 ORDER BY locator LIMIT $2;

-- name: DropTowerPackages :execrows
DELETE FROM tower_packages WHERE state <> 'open' AND until < $1;

-- name: SetTowerTask :exec
UPDATE tower_packages
SET state = sqlc.arg(state), chain = sqlc.arg(chain), opener = sqlc.arg(opener), secret = sqlc.arg(secret),
    since = sqlc.arg(since), started = sqlc.arg(started), txid = sqlc.arg(txid), gone_at = sqlc.arg(gone_at)
WHERE owner = sqlc.arg(owner) AND locator = sqlc.arg(locator);

-- name: SetTowerCursor :exec
INSERT INTO tower_cursors (chain, height, hash, parent, time, clock)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (chain) DO UPDATE
SET height = excluded.height, hash = excluded.hash, parent = excluded.parent, time = excluded.time, clock = excluded.clock;

-- name: TowerCursor :one
SELECT * FROM tower_cursors WHERE chain = $1;
