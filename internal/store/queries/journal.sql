-- name: AddTx :execrows
INSERT INTO txs (chain, txid, swap, leg, purpose, step, attempt, ref, raw, fee, fee_rate,
                 account, nonce, spends, replaces, released, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
ON CONFLICT (chain, txid) DO NOTHING;

-- name: TxsOf :many
SELECT * FROM txs WHERE swap = $1 AND leg = $2 AND purpose = $3
ORDER BY step, attempt, created_at, txid;

-- name: ReleaseTx :execrows
UPDATE txs SET released = TRUE WHERE chain = $1 AND txid = $2;

-- name: LastNonce :one
SELECT CAST(COALESCE(MAX(nonce), -1) AS BIGINT) AS nonce FROM txs WHERE chain = $1 AND account = $2 AND account <> '';
