-- Agreements as one record each, and withdrawals.

-- +goose Up

-- Agreements, ours and those that we answered. Salts, secret hashes and
-- request ids are used once in the life of the store: nothing is deleted.
-- body is the whole record; the columns beside it are for finding it.
CREATE TABLE agreements (
    salt        BYTEA   NOT NULL PRIMARY KEY CHECK (octet_length(salt) = 32),
    secret_hash BYTEA   NOT NULL UNIQUE CHECK (octet_length(secret_hash) = 32),
    swap        BYTEA   UNIQUE CHECK (octet_length(swap) = 32), -- null while there are no terms
    request     TEXT    NOT NULL, -- empty for none
    state       TEXT    NOT NULL CHECK (state IN
        ('draft', 'offered', 'accepted', 'bound', 'agreed', 'cancelled', 'expired', 'refused')),
    settled     BOOLEAN NOT NULL,
    body        BYTEA   NOT NULL CHECK (octet_length(body) > 0),
    created_at  BIGINT  NOT NULL,
    CHECK (swap IS NOT NULL OR state NOT IN ('accepted', 'bound', 'agreed', 'refused'))
)/* strict */;

CREATE UNIQUE INDEX agreements_by_request ON agreements (request) WHERE request <> '';
CREATE INDEX agreements_unsettled ON agreements (salt) WHERE NOT settled;
CREATE INDEX agreements_by_age ON agreements (created_at, salt);

-- Payments out of the wallet, stored before their broadcast. raw is the whole
-- transaction, sealed.
CREATE TABLE withdrawals (
    request_id  TEXT    NOT NULL PRIMARY KEY CHECK (request_id <> ''),
    chain       TEXT    NOT NULL CHECK (chain <> ''),
    txid        TEXT    NOT NULL CHECK (txid <> ''),
    asset       TEXT    NOT NULL CHECK (asset <> ''),
    destination TEXT    NOT NULL CHECK (destination <> ''),
    amount      TEXT    NOT NULL CHECK (amount <> ''),
    fee         TEXT    NOT NULL CHECK (fee <> ''),
    raw         BYTEA   NOT NULL CHECK (octet_length(raw) > 0),
    released    BOOLEAN NOT NULL,
    created_at  BIGINT  NOT NULL,
    UNIQUE (chain, txid)
)/* strict */;

CREATE INDEX withdrawals_by_age ON withdrawals (created_at, chain, txid);
CREATE INDEX txs_released ON txs (created_at, chain, txid) WHERE released;
