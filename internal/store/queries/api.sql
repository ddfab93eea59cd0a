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
INSERT INTO tokens (id, hash, name, scopes, caps, payouts, created_at, expires_at, revoked_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0);

-- name: TokenByHash :one
SELECT * FROM tokens WHERE hash = $1;

-- name: Tokens :many
SELECT * FROM tokens ORDER BY created_at, id;

-- name: RevokeToken :execrows
UPDATE tokens SET revoked_at = CASE WHEN revoked_at = 0 THEN sqlc.arg(at) ELSE revoked_at END
WHERE id = sqlc.arg(id);
