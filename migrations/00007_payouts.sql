-- Where this node may pay to, and what has left it in the last 24 hours.

-- +goose Up

-- Addresses that calls have added to those of the configuration.
CREATE TABLE payouts (
    account     TEXT   NOT NULL PRIMARY KEY CHECK (account <> ''),
    added_by    TEXT   NOT NULL CHECK (added_by <> ''),
    added_at    BIGINT NOT NULL,
    usable_from BIGINT NOT NULL, -- decides
    CHECK (usable_from > added_at)
)/* strict */;

-- What is counted against the node's own limits, whoever has asked for it. key
-- makes a repeated call count once; claims is how many calls rely on that.
CREATE TABLE outflows (
    key    TEXT   NOT NULL PRIMARY KEY CHECK (key <> ''),
    asset  TEXT   NOT NULL CHECK (asset <> ''),
    amount TEXT   NOT NULL CHECK (amount <> ''),
    at     BIGINT NOT NULL, -- decides
    claims BIGINT NOT NULL CHECK (claims >= 1)
)/* strict */;

CREATE INDEX outflows_by_asset ON outflows (asset, at);
CREATE INDEX outflows_by_age ON outflows (at);
