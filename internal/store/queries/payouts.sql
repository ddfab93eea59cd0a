-- name: Payouts :many
SELECT * FROM payouts ORDER BY account;

-- name: AddPayout :execrows
INSERT INTO payouts (account, added_by, added_at, usable_from) VALUES ($1, $2, $3, $4)
ON CONFLICT (account) DO NOTHING;

-- name: Payout :one
SELECT * FROM payouts WHERE account = $1;

-- name: DropPayout :execrows
DELETE FROM payouts WHERE account = $1;

-- name: Outflow :one
SELECT asset, amount FROM outflows WHERE key = $1;

-- name: Outflows :many
SELECT amount, at FROM outflows WHERE asset = $1 ORDER BY at;

-- name: AddOutflow :exec
INSERT INTO outflows (key, asset, amount, at, claims) VALUES ($1, $2, $3, $4, 1);

-- name: ClaimOutflow :execrows
UPDATE outflows SET claims = claims + 1 WHERE key = $1;

-- name: UnclaimOutflow :execrows
UPDATE outflows SET claims = claims - 1 WHERE key = $1 AND claims > 1;

-- name: DropOutflow :exec
DELETE FROM outflows WHERE key = $1;

-- name: ExpireOutflows :exec
DELETE FROM outflows WHERE at <= $1;
