-- name: NonceOwner :one
SELECT txid FROM nonces WHERE chain = $1 AND account = $2 AND nonce = $3;

-- name: AddNonce :execrows
INSERT INTO nonces (chain, account, nonce, txid, sealed) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (chain, account, nonce) DO NOTHING;

-- name: MoveNonce :execrows
UPDATE nonces SET txid = sqlc.arg(txid), sealed = sqlc.arg(sealed)
WHERE chain = sqlc.arg(chain) AND account = sqlc.arg(account) AND nonce = sqlc.arg(nonce)
  AND txid = sqlc.arg(expected);

-- name: NoncesFrom :many
SELECT nonce, txid, sealed FROM nonces
WHERE chain = $1 AND account = $2 AND nonce >= $3 ORDER BY nonce;

-- name: Lanes :many
SELECT * FROM lanes WHERE chain = $1 AND account = $2 ORDER BY lane;

-- name: PutLane :exec
INSERT INTO lanes (chain, account, lane, sequence, owner, leg, asset, amount, fees, announced, fund_nonce, released, not_after)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (chain, account, lane) DO UPDATE
SET sequence = excluded.sequence, owner = excluded.owner, leg = excluded.leg, asset = excluded.asset,
    amount = excluded.amount, fees = excluded.fees, announced = excluded.announced,
    fund_nonce = excluded.fund_nonce, released = excluded.released, not_after = excluded.not_after;

-- name: DropLane :exec
DELETE FROM lanes WHERE chain = $1 AND account = $2 AND lane = $3;

-- name: RedeemFees :many
SELECT * FROM redeem_fees WHERE chain = $1 AND account = $2 ORDER BY owner, leg;

-- name: PutRedeemFee :exec
INSERT INTO redeem_fees (chain, account, owner, leg, asset, fee)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (chain, account, owner, leg) DO UPDATE
SET asset = excluded.asset, fee = excluded.fee;

-- name: DropRedeemFee :exec
DELETE FROM redeem_fees WHERE chain = $1 AND account = $2 AND owner = $3 AND leg = $4;
