-- name: AddWithdrawal :execrows
INSERT INTO withdrawals (request_id, chain, txid, asset, destination, amount, fee, raw, released, created_at, max_fee, parts)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, FALSE, $9, $10, $11)
ON CONFLICT (request_id) DO NOTHING;

-- name: Withdrawal :one
SELECT * FROM withdrawals WHERE request_id = $1;

-- name: ReleaseWithdrawal :execrows
UPDATE withdrawals SET released = TRUE WHERE request_id = $1;

-- name: OpenWithdrawals :many
SELECT * FROM withdrawals
WHERE outcome = 'open' AND created_at >= sqlc.arg(after) AND (created_at > sqlc.arg(after)
       OR chain > sqlc.arg(after_chain) OR (chain = sqlc.arg(after_chain) AND txid > sqlc.arg(after_txid)))
ORDER BY created_at, chain, txid LIMIT sqlc.arg(up_to);

-- name: SettleWithdrawal :execrows
UPDATE withdrawals SET outcome = sqlc.arg(outcome)
WHERE request_id = sqlc.arg(request_id) AND txid = sqlc.arg(txid) AND outcome IN ('open', sqlc.arg(outcome));

-- name: ReplaceWithdrawalTx :execrows
UPDATE withdrawals
SET txid = sqlc.arg(txid), fee = sqlc.arg(fee), raw = sqlc.arg(raw), released = FALSE
WHERE request_id = sqlc.arg(request_id) AND chain = sqlc.arg(chain) AND txid = sqlc.arg(expected) AND outcome = 'open';

-- The newest first, from the place in front of (before, before_chain,
-- before_txid). An empty chain is every chain.
-- name: Withdrawals :many
SELECT * FROM withdrawals
WHERE created_at <= sqlc.arg(before) AND (created_at < sqlc.arg(before)
       OR chain < sqlc.arg(before_chain) OR (chain = sqlc.arg(before_chain) AND txid < sqlc.arg(before_txid)))
  AND (CAST(sqlc.arg(of_chain) AS TEXT) = '' OR chain = CAST(sqlc.arg(of_chain) AS TEXT))
ORDER BY created_at DESC, chain DESC, txid DESC LIMIT sqlc.arg(up_to);

-- What may have left the process, in the order of Withdrawals.
-- name: Activity :many
SELECT created_at, chain, txid, purpose AS kind, swap, leg, '' AS request_id, '' AS asset, '' AS destination,
       '' AS amount, fee, '' AS outcome, CAST(0 AS BIGINT) AS parts
FROM txs
WHERE released AND txs.created_at <= sqlc.arg(before) AND (txs.created_at < sqlc.arg(before)
       OR txs.chain < sqlc.arg(before_chain) OR (txs.chain = sqlc.arg(before_chain) AND txs.txid < sqlc.arg(before_txid)))
  AND (CAST(sqlc.arg(of_chain) AS TEXT) = '' OR txs.chain = CAST(sqlc.arg(of_chain) AS TEXT))
UNION ALL
SELECT created_at, chain, txid, 'withdrawal', NULL, 0, request_id, asset, destination, amount, fee, outcome, parts
FROM withdrawals
WHERE released AND withdrawals.created_at <= sqlc.arg(before) AND (withdrawals.created_at < sqlc.arg(before)
       OR withdrawals.chain < sqlc.arg(before_chain)
       OR (withdrawals.chain = sqlc.arg(before_chain) AND withdrawals.txid < sqlc.arg(before_txid)))
  AND (CAST(sqlc.arg(of_chain) AS TEXT) = '' OR withdrawals.chain = CAST(sqlc.arg(of_chain) AS TEXT))
ORDER BY created_at DESC, chain DESC, txid DESC LIMIT sqlc.arg(up_to);
