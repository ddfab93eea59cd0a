-- name: AddRequest :execrows
INSERT INTO requests (caller, id, method, digest, finished, response, created_at)
VALUES ($1, $2, $3, $4, FALSE, $5, $6)
ON CONFLICT (caller, id) DO NOTHING;

-- name: Request :one
SELECT method, digest, finished, response FROM requests WHERE caller = $1 AND id = $2;

-- name: FinishRequest :execrows
UPDATE requests SET finished = TRUE, response = sqlc.arg(response)
WHERE caller = sqlc.arg(caller) AND id = sqlc.arg(id) AND finished = FALSE;

-- name: DropRequest :execrows
DELETE FROM requests WHERE caller = $1 AND id = $2 AND finished = FALSE;

-- name: ExpireRequests :execrows
DELETE FROM requests WHERE created_at < $1;

-- name: AddToken :exec
INSERT INTO tokens (id, hash, name, scopes, caps, per_day, payouts, created_at, expires_at, revoked_at, used_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0);

-- name: TokenByHash :one
SELECT * FROM tokens WHERE hash = $1;

-- name: Tokens :many
SELECT * FROM tokens ORDER BY created_at, id;

-- name: RevokeToken :execrows
UPDATE tokens SET revoked_at = CASE WHEN revoked_at = 0 THEN sqlc.arg(at) ELSE revoked_at END
WHERE id = sqlc.arg(id);

-- name: TokenUsed :one
SELECT used_at FROM tokens WHERE id = $1;

-- name: TouchToken :exec
UPDATE tokens SET used_at = sqlc.arg(at) WHERE id = sqlc.arg(id) AND used_at <= sqlc.arg(before);

-- Writing the row makes calls of one token wait for each other.
-- name: LockToken :execrows
UPDATE tokens SET used_at = used_at WHERE id = $1;

-- name: Spending :one
SELECT asset, amount FROM spendings WHERE token = $1 AND key = $2;

-- name: Spendings :many
SELECT amount, at FROM spendings WHERE token = $1 AND asset = $2 ORDER BY at;

-- name: AddSpending :exec
INSERT INTO spendings (token, key, asset, amount, at, claims) VALUES ($1, $2, $3, $4, $5, 1);

-- name: ClaimSpending :execrows
UPDATE spendings SET claims = claims + 1 WHERE token = $1 AND key = $2;

-- name: UnclaimSpending :execrows
UPDATE spendings SET claims = claims - 1 WHERE token = $1 AND key = $2 AND claims > 1;

-- name: DropSpending :exec
DELETE FROM spendings WHERE token = $1 AND key = $2;

-- name: ExpireSpendings :exec
DELETE FROM spendings WHERE at <= $1;
