-- Who has registered with this watchtower, and which towers guard our own swaps.

-- +goose Up

-- price is what was agreed, in the tower's own words at that time.
CREATE TABLE tower_owners (
    owner BYTEA  NOT NULL PRIMARY KEY CHECK (octet_length(owner) = 32),
    price TEXT   NOT NULL,
    since BIGINT NOT NULL, -- unix seconds
    until BIGINT NOT NULL,
    CHECK (until > since)
)/* strict */;

-- A row is a package that a tower has acknowledged.
CREATE TABLE guards (
    swap    BYTEA  NOT NULL CHECK (octet_length(swap) = 32),
    leg     BIGINT NOT NULL CHECK (leg >= 0),
    kind    TEXT   NOT NULL CHECK (kind IN ('refund', 'redeem')),
    tower   BYTEA  NOT NULL CHECK (octet_length(tower) = 32),
    locator BYTEA  NOT NULL CHECK (octet_length(locator) = 16),
    about   TEXT   NOT NULL, -- the funding that it spends, in its adapter's form
    until   BIGINT NOT NULL CHECK (until > 0), -- unix seconds
    kept_at BIGINT NOT NULL CHECK (kept_at > 0),
    PRIMARY KEY (swap, leg, kind, tower)
)/* strict */;
