-- name: Wallet :one
SELECT * FROM wallets WHERE chain = $1;

-- name: PutWallet :exec
INSERT INTO wallets (chain, next_receive, next_change, height, hash, parent, time, clock)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (chain) DO UPDATE
SET next_receive = excluded.next_receive, next_change = excluded.next_change, height = excluded.height,
    hash = excluded.hash, parent = excluded.parent, time = excluded.time, clock = excluded.clock;

-- name: Coins :many
SELECT * FROM coins WHERE chain = $1 ORDER BY height, point;

-- name: PutCoin :exec
INSERT INTO coins (chain, point, amount, branch, idx, height, coinbase, spent_by, spent_at, parents, undone)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, FALSE)
ON CONFLICT (chain, point) DO UPDATE
SET amount = excluded.amount, branch = excluded.branch, idx = excluded.idx, height = excluded.height,
    coinbase = excluded.coinbase, spent_by = excluded.spent_by, spent_at = excluded.spent_at,
    parents = excluded.parents, undone = excluded.undone;

-- name: SpendCoin :exec
UPDATE coins SET spent_by = sqlc.arg(spent_by), spent_at = sqlc.arg(spent_at)
WHERE chain = sqlc.arg(chain) AND point = sqlc.arg(point);

-- name: UndoCreated :exec
UPDATE coins SET undone = TRUE WHERE chain = $1 AND height = $2;

-- name: UndoSpent :exec
UPDATE coins SET spent_by = '', spent_at = 0 WHERE chain = $1 AND spent_at = $2 AND spent_at <> 0;

-- name: ForgetHolds :exec
DELETE FROM holds WHERE holds.chain = $1 AND holds.point IN (
    SELECT c.point FROM coins c WHERE c.chain = $1 AND c.spent_at <> 0 AND c.spent_at <= $2);

-- name: ForgetCoins :exec
DELETE FROM coins WHERE chain = $1 AND spent_at <> 0 AND spent_at <= $2;

-- name: ForgetUndone :exec
DELETE FROM coins WHERE chain = $1 AND undone = TRUE AND spent_at = 0 AND height <= $2;

-- name: Holds :many
SELECT point, owner, used FROM holds WHERE chain = $1 ORDER BY point;

-- name: AddHold :execrows
INSERT INTO holds (chain, point, owner, used) VALUES ($1, $2, $3, FALSE)
ON CONFLICT (chain, point) DO NOTHING;

-- name: ReleaseHolds :exec
DELETE FROM holds WHERE chain = $1 AND owner = $2 AND used = FALSE;

-- name: AdoptHolds :exec
UPDATE holds SET owner = sqlc.arg(next) WHERE chain = sqlc.arg(chain) AND owner = sqlc.arg(owner);
