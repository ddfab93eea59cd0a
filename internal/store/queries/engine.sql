-- Queries are portable: no arrays, no locking clauses, no functions of one
-- database only.

-- name: NodeParty :one
SELECT party FROM node WHERE id = 1;

-- name: ClaimNode :execrows
INSERT INTO node (id, party, created_at) VALUES (1, $1, $2)
ON CONFLICT (id) DO NOTHING;

-- name: AddWriter :exec
INSERT INTO writers (slot, epoch, counter) VALUES ($1, 1, 0)
ON CONFLICT (slot) DO NOTHING;

-- name: RaiseEpoch :exec
UPDATE writers SET epoch = epoch + 1;

-- name: ReadMark :one
SELECT epoch, counter FROM writers WHERE slot = $1;

-- name: Mark :execrows
UPDATE writers SET counter = sqlc.arg(counter)
WHERE slot = sqlc.arg(slot) AND epoch = sqlc.arg(epoch) AND counter = sqlc.arg(counter) - 1;

-- Writing the row waits until an older transaction that holds it has ended,
-- which reading would not.
-- name: AwaitMark :one
UPDATE writers SET counter = counter
WHERE slot = $1 RETURNING epoch, counter;

-- name: AddSwap :execrows
INSERT INTO swaps (id, version, phase, outcome, snapshot, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $6)
ON CONFLICT (id) DO NOTHING;

-- name: LastEffectOrd :one
SELECT CAST(COALESCE(MAX(ord), 0) AS BIGINT) AS ord FROM effects;

-- name: PendingEffects :many
SELECT swap, seq, idx, ord, kind, leg, detail FROM effects
WHERE state = 'pending' AND ord > $1 ORDER BY ord LIMIT $2;

-- name: AddCursor :execrows
INSERT INTO cursors (chain, seq, height, hash, parent, time, clock, recent)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (chain) DO NOTHING;

-- name: MoveCursor :execrows
UPDATE cursors
SET seq = sqlc.arg(seq), height = sqlc.arg(height), hash = sqlc.arg(hash),
    parent = sqlc.arg(parent), time = sqlc.arg(time), clock = sqlc.arg(clock), recent = sqlc.arg(recent)
WHERE chain = sqlc.arg(chain) AND seq = sqlc.arg(expected);

-- name: Cursor :one
SELECT seq, height, hash, parent, time, clock, recent FROM cursors WHERE chain = $1;

-- name: OpenSwaps :many
SELECT id, version, phase, outcome, snapshot FROM swaps
WHERE phase <> 'closed' AND id > $1 ORDER BY id LIMIT $2;

-- name: Swap :one
SELECT id, version, phase, outcome, snapshot, created_at, updated_at FROM swaps WHERE id = $1;

-- The newest first, from the place in front of (before, before_id). An empty
-- phase is any phase; scope is 'all', 'open' or 'closed'.
-- name: ListSwaps :many
SELECT id, version, phase, outcome, snapshot, created_at, updated_at FROM swaps
WHERE (created_at < sqlc.arg(before) OR (created_at = sqlc.arg(before) AND id < sqlc.arg(before_id)))
  AND (CAST(sqlc.arg(phase) AS TEXT) = '' OR phase = CAST(sqlc.arg(phase) AS TEXT))
  AND (CAST(sqlc.arg(scope) AS TEXT) = 'all'
       OR (CAST(sqlc.arg(scope) AS TEXT) = 'open' AND phase <> 'closed')
       OR (CAST(sqlc.arg(scope) AS TEXT) = 'closed' AND phase = 'closed'))
ORDER BY created_at DESC, id DESC LIMIT sqlc.arg(up_to);

-- name: History :many
SELECT seq, body, at FROM events WHERE swap = $1 AND seq > $2 ORDER BY seq LIMIT $3;
