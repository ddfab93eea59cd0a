-- name: AddAgreement :execrows
INSERT INTO agreements (salt, secret_hash, swap, request, state, settled, body, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT DO NOTHING;

-- What a record is found by never changes, except that it gets its swap.
-- name: MoveAgreement :execrows
UPDATE agreements
SET state = sqlc.arg(next), swap = sqlc.arg(swap), settled = sqlc.arg(settled), body = sqlc.arg(body)
WHERE salt = sqlc.arg(salt) AND state = sqlc.arg(expected) AND (swap IS NULL OR swap = sqlc.arg(swap))
  AND secret_hash = sqlc.arg(secret_hash) AND request = sqlc.arg(request) AND created_at = sqlc.arg(created_at);

-- name: AgreementBySalt :one
SELECT * FROM agreements WHERE salt = $1;

-- name: AgreementBySwap :one
SELECT * FROM agreements WHERE swap = $1;

-- name: AgreementByRequest :one
SELECT * FROM agreements WHERE request = $1 AND request <> '';

-- name: UnsettledAgreements :many
SELECT * FROM agreements WHERE NOT settled AND salt > $1 ORDER BY salt LIMIT $2;

-- name: RecentAgreements :many
SELECT * FROM agreements
WHERE created_at <= sqlc.arg(before) AND (created_at < sqlc.arg(before) OR salt < sqlc.arg(before_salt))
ORDER BY created_at DESC, salt DESC LIMIT sqlc.arg(up_to);
