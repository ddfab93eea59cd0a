-- Abandonments, more of what EVM accounts keep back, what tokens have spent, and
-- what became of withdrawals.

-- +goose Up

-- A purpose more. SQLite changes no constraint of a table that is there, so
-- the table is made anew, on both databases alike.
ALTER TABLE txs RENAME TO txs_old;

CREATE TABLE txs (
    chain      TEXT    NOT NULL CHECK (chain <> ''),
    txid       TEXT    NOT NULL CHECK (txid <> ''),
    swap       BYTEA   NOT NULL CHECK (octet_length(swap) = 32),
    leg        BIGINT  NOT NULL CHECK (leg >= 0),
    purpose    TEXT    NOT NULL CHECK (purpose IN ('fund', 'redeem', 'refund', 'abandon')),
    step       BIGINT  NOT NULL CHECK (step >= 0),
    attempt    BIGINT  NOT NULL CHECK (attempt >= 0),
    ref        TEXT    NOT NULL,
    raw        BYTEA   NOT NULL CHECK (octet_length(raw) > 0),
    fee        TEXT    NOT NULL CHECK (fee <> ''),
    fee_rate   BIGINT  NOT NULL CHECK (fee_rate >= 0),
    account    TEXT    NOT NULL,
    nonce      BIGINT  NOT NULL CHECK (nonce >= 0),
    spends     TEXT    NOT NULL,
    replaces   TEXT    NOT NULL,
    released   BOOLEAN NOT NULL,
    created_at BIGINT  NOT NULL,
    CONSTRAINT txs_key PRIMARY KEY (chain, txid)
)/* strict */;

INSERT INTO txs (chain, txid, swap, leg, purpose, step, attempt, ref, raw, fee, fee_rate,
                 account, nonce, spends, replaces, released, created_at)
SELECT chain, txid, swap, leg, purpose, step, attempt, ref, raw, fee, fee_rate,
       account, nonce, spends, replaces, released, created_at
FROM txs_old;

DROP TABLE txs_old;

CREATE INDEX txs_by_purpose ON txs (swap, leg, purpose, step, attempt);
CREATE INDEX txs_by_account ON txs (chain, account, nonce) WHERE account <> '';
CREATE INDEX txs_released ON txs (created_at, chain, txid) WHERE released;

-- By when a lane's funding must be in a block, in seconds of the chain's clock.
ALTER TABLE lanes ADD COLUMN not_after BIGINT NOT NULL DEFAULT 0; -- 0 is unknown

-- What an EVM account keeps back to redeem the legs that are paid to it.
CREATE TABLE redeem_fees (
    chain   TEXT   NOT NULL CHECK (chain <> ''),
    account TEXT   NOT NULL CHECK (account <> ''),
    owner   TEXT   NOT NULL CHECK (owner <> ''),
    leg     BIGINT NOT NULL CHECK (leg >= 0),
    asset   TEXT   NOT NULL CHECK (asset <> ''),
    fee     TEXT   NOT NULL CHECK (fee <> ''),
    PRIMARY KEY (chain, account, owner, leg)
)/* strict */;

-- per_day has the most that a token moves of an asset in any 24 hours.
ALTER TABLE tokens ADD COLUMN per_day TEXT NOT NULL DEFAULT 'null';
ALTER TABLE tokens ADD COLUMN used_at BIGINT NOT NULL DEFAULT 0 CHECK (used_at >= 0); -- 0 is never

-- What tokens have moved in the last 24 hours. key makes a repeated call count
-- once; claims is how many calls rely on that.
CREATE TABLE spendings (
    token  TEXT   NOT NULL REFERENCES tokens (id),
    key    TEXT   NOT NULL CHECK (key <> ''),
    asset  TEXT   NOT NULL CHECK (asset <> ''),
    amount TEXT   NOT NULL CHECK (amount <> ''),
    at     BIGINT NOT NULL, -- decides
    claims BIGINT NOT NULL CHECK (claims >= 1),
    PRIMARY KEY (token, key)
)/* strict */;

CREATE INDEX spendings_by_asset ON spendings (token, asset, at);
CREATE INDEX spendings_by_age ON spendings (at);

-- Whether the chain has decided on a withdrawal.
ALTER TABLE withdrawals ADD COLUMN outcome TEXT NOT NULL DEFAULT 'open'
    CHECK (outcome IN ('open', 'mined', 'failed'));

-- The most that the owner pays for it, which counts when it is signed again too.
ALTER TABLE withdrawals ADD COLUMN max_fee TEXT NOT NULL DEFAULT '0'; -- 0 is the market's

CREATE INDEX withdrawals_open ON withdrawals (created_at, chain, txid) WHERE outcome = 'open';
