-- A purpose more: spends with the consent of both parties.

-- +goose Up

-- SQLite changes no constraint of a table that is there, so the table is made
-- anew, on both databases alike.
ALTER TABLE txs RENAME TO txs_old;

CREATE TABLE txs (
    chain      TEXT    NOT NULL CHECK (chain <> ''),
    txid       TEXT    NOT NULL CHECK (txid <> ''),
    swap       BYTEA   NOT NULL CHECK (octet_length(swap) = 32),
    leg        BIGINT  NOT NULL CHECK (leg >= 0),
    purpose    TEXT    NOT NULL CHECK (purpose IN ('fund', 'redeem', 'refund', 'abandon', 'consent')),
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
    PRIMARY KEY (chain, txid)
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
