-- What a watchtower keeps for others.

-- +goose Up

-- bytes are sealed by the owner; opener is what the chains showed to open them,
-- in hex, empty while sealed. secret is public by then.
CREATE TABLE tower_packages (
    owner   BYTEA  NOT NULL CHECK (octet_length(owner) = 32),
    locator BYTEA  NOT NULL CHECK (octet_length(locator) = 16),
    kind    TEXT   NOT NULL CHECK (kind IN ('refund', 'redeem')),
    bytes   BYTEA  NOT NULL CHECK (octet_length(bytes) > 0),
    until   BIGINT NOT NULL CHECK (until > 0), -- unix seconds
    ord     BIGINT NOT NULL,                   -- when it came, unix microseconds
    state   TEXT   NOT NULL CHECK (state IN ('sealed', 'open', 'done', 'failed')),
    chain   TEXT   NOT NULL,
    opener  BYTEA  NOT NULL,
    secret  BYTEA  NOT NULL CHECK (octet_length(secret) IN (0, 32)),
    since   BIGINT NOT NULL CHECK (since >= 0),
    started BIGINT NOT NULL CHECK (started >= 0), -- height of the first push
    txid    TEXT   NOT NULL,
    gone_at BIGINT NOT NULL CHECK (gone_at >= 0),
    PRIMARY KEY (owner, locator),
    CONSTRAINT tower_packages_opened CHECK ((state = 'sealed') = (octet_length(opener) = 0))
)/* strict */;

CREATE INDEX tower_packages_by_locator ON tower_packages (locator);
CREATE INDEX tower_packages_open ON tower_packages (chain) WHERE state = 'open';

CREATE TABLE tower_cursors (
    chain  TEXT   NOT NULL PRIMARY KEY CHECK (chain <> ''),
    height BIGINT NOT NULL CHECK (height >= 0),
    hash   BYTEA  NOT NULL CHECK (octet_length(hash) = 32),
    parent BYTEA  NOT NULL CHECK (octet_length(parent) = 32),
    time   BIGINT NOT NULL,
    clock  BIGINT NOT NULL
)/* strict */;
