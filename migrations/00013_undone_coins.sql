-- Whether a coin whose block was undone can come back.

-- +goose Up

-- What the transaction that created the coin spends, separated by spaces. Empty
-- for a coinbase and for coins from before: nothing is proved of those.
ALTER TABLE coins ADD COLUMN parents TEXT NOT NULL DEFAULT '';

-- Its block has left the chain. spent_by and spent_at tell then what has spent
-- something that the coin's transaction needs to be mined again.
ALTER TABLE coins ADD COLUMN undone BOOLEAN NOT NULL DEFAULT FALSE;
