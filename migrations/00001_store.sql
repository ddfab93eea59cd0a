-- The store of a settlement node.
--
-- Ids and hashes are raw bytes, amounts are decimal digits in base units,
-- times are microseconds since 1970 for people and never decide anything,
-- except where a column says otherwise.

-- +goose Up

-- Whose data this is. Opening it with another seed is refused.
CREATE TABLE node (
    id         BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    party      BYTEA  NOT NULL CHECK (octet_length(party) = 32),
    created_at BIGINT NOT NULL
)/* strict */;

-- One row per concurrent writer of the one process that owns the store. Every
-- transaction raises the counter of its writer, so that a COMMIT without an
-- answer is resolved by reading the row again; a process that opens the store
-- raises the epoch, so that an older one cannot write any more.
CREATE TABLE writers (
    slot    BIGINT NOT NULL PRIMARY KEY,
    epoch   BIGINT NOT NULL CHECK (epoch >= 1),
    counter BIGINT NOT NULL CHECK (counter >= 0)
)/* strict */;

CREATE TABLE swaps (
    id         BYTEA  NOT NULL PRIMARY KEY CHECK (octet_length(id) = 32),
    version    BIGINT NOT NULL CHECK (version >= 1),
    phase      TEXT   NOT NULL CHECK (phase IN
        ('agreed', 'funding', 'funded', 'revealing', 'redeeming', 'refunding', 'closed')),
    outcome    TEXT   NOT NULL CHECK (outcome IN
        ('none', 'swapped', 'refunded', 'cancelled', 'consented', 'windfall', 'lost')),
    snapshot   BYTEA  NOT NULL CHECK (octet_length(snapshot) > 0),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CHECK ((phase = 'closed') = (outcome <> 'none')),
    CHECK (updated_at >= created_at)
)/* strict */;

CREATE INDEX swaps_open ON swaps (id) WHERE phase <> 'closed';
CREATE INDEX swaps_by_age ON swaps (created_at, id);

-- The history of a swap; seq is its version after the event.
CREATE TABLE events (
    swap BYTEA  NOT NULL REFERENCES swaps (id),
    seq  BIGINT NOT NULL CHECK (seq >= 1),
    kind TEXT   NOT NULL CHECK (kind <> ''),
    body BYTEA  NOT NULL,
    at   BIGINT NOT NULL,
    PRIMARY KEY (swap, seq)
)/* strict */;

-- What an event asked for. ord is the order over all swaps.
CREATE TABLE effects (
    swap   BYTEA  NOT NULL,
    seq    BIGINT NOT NULL,
    idx    BIGINT NOT NULL CHECK (idx >= 0),
    ord    BIGINT NOT NULL UNIQUE CHECK (ord >= 1),
    kind   TEXT   NOT NULL CHECK (kind <> ''),
    leg    BIGINT NOT NULL CHECK (leg >= 0),
    detail TEXT   NOT NULL,
    state  TEXT   NOT NULL CHECK (state IN ('pending', 'done')),
    PRIMARY KEY (swap, seq, idx),
    FOREIGN KEY (swap, seq) REFERENCES events (swap, seq)
)/* strict */;

CREATE INDEX effects_pending ON effects (ord) WHERE state = 'pending';

-- The last block of each chain whose facts are stored, and the blocks that led
-- to it.
CREATE TABLE cursors (
    chain  TEXT   NOT NULL PRIMARY KEY CHECK (chain <> ''),
    seq    BIGINT NOT NULL CHECK (seq >= 1),
    height BIGINT NOT NULL CHECK (height >= 0),
    hash   BYTEA  NOT NULL CHECK (octet_length(hash) = 32),
    parent BYTEA  NOT NULL CHECK (octet_length(parent) = 32),
    time   BIGINT NOT NULL,
    clock  BIGINT NOT NULL,
    recent BYTEA  NOT NULL
)/* strict */;

-- Our own transactions, stored before their broadcast. raw is sealed: a redeem
-- shows the secret.
CREATE TABLE txs (
    chain      TEXT    NOT NULL CHECK (chain <> ''),
    txid       TEXT    NOT NULL CHECK (txid <> ''),
    swap       BYTEA   NOT NULL CHECK (octet_length(swap) = 32),
    leg        BIGINT  NOT NULL CHECK (leg >= 0),
    purpose    TEXT    NOT NULL CHECK (purpose IN ('fund', 'redeem', 'refund')),
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

CREATE INDEX txs_by_purpose ON txs (swap, leg, purpose, step, attempt);
CREATE INDEX txs_by_account ON txs (chain, account, nonce) WHERE account <> '';

-- Mutating API calls by their request id, so that a repeated one is answered
-- and not done again.
CREATE TABLE requests (
    caller     TEXT    NOT NULL,
    id         TEXT    NOT NULL CHECK (id <> ''),
    method     TEXT    NOT NULL CHECK (method <> ''),
    digest     BYTEA   NOT NULL CHECK (octet_length(digest) = 32),
    finished   BOOLEAN NOT NULL,
    response   BYTEA   NOT NULL,
    created_at BIGINT  NOT NULL,
    PRIMARY KEY (caller, id)
)/* strict */;

CREATE INDEX requests_by_age ON requests (created_at);

-- Credentials of the API. hash is that of the token; the token is nowhere.
CREATE TABLE tokens (
    id         TEXT   NOT NULL PRIMARY KEY CHECK (id <> ''),
    hash       BYTEA  NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    name       TEXT   NOT NULL,
    scopes     TEXT   NOT NULL,
    caps       TEXT   NOT NULL,
    payouts    TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL CHECK (expires_at >= 0), -- decides; 0 is never
    revoked_at BIGINT NOT NULL CHECK (revoked_at >= 0)  -- decides; 0 is not revoked
)/* strict */;

-- Which transaction owns which nonce of an account.
CREATE TABLE nonces (
    chain   TEXT   NOT NULL CHECK (chain <> ''),
    account TEXT   NOT NULL CHECK (account <> ''),
    nonce   BIGINT NOT NULL CHECK (nonce >= 0),
    txid    TEXT   NOT NULL CHECK (txid <> ''),
    sealed  BYTEA  NOT NULL CHECK (octet_length(sealed) > 0),
    PRIMARY KEY (chain, account, nonce)
)/* strict */;

-- Lanes of an EVM deployment that our account has reserved for its legs.
CREATE TABLE lanes (
    chain      TEXT    NOT NULL CHECK (chain <> ''),
    account    TEXT    NOT NULL CHECK (account <> ''),
    lane       BIGINT  NOT NULL CHECK (lane >= 0),
    sequence   BIGINT  NOT NULL CHECK (sequence >= 0),
    owner      TEXT    NOT NULL CHECK (owner <> ''),
    leg        BIGINT  NOT NULL CHECK (leg >= 0),
    asset      TEXT    NOT NULL CHECK (asset <> ''),
    amount     TEXT    NOT NULL CHECK (amount <> ''),
    fees       TEXT    NOT NULL CHECK (fees <> ''),
    announced  BOOLEAN NOT NULL,
    fund_nonce BIGINT  NOT NULL CHECK (fund_nonce >= 0),
    released   BOOLEAN NOT NULL,
    PRIMARY KEY (chain, account, lane)
)/* strict */;

-- The wallet of each chain of the Bitcoin family, up to a block.
CREATE TABLE wallets (
    chain        TEXT   NOT NULL PRIMARY KEY CHECK (chain <> ''),
    next_receive BIGINT NOT NULL CHECK (next_receive >= 0),
    next_change  BIGINT NOT NULL CHECK (next_change >= 0),
    height       BIGINT NOT NULL CHECK (height >= 0),
    hash         BYTEA  NOT NULL CHECK (octet_length(hash) = 32),
    parent       BYTEA  NOT NULL CHECK (octet_length(parent) = 32),
    time         BIGINT NOT NULL,
    clock        BIGINT NOT NULL
)/* strict */;

-- Outputs of the wallet's own, and which block spent them.
CREATE TABLE coins (
    chain    TEXT    NOT NULL,
    point    TEXT    NOT NULL CHECK (point <> ''), -- txid:index
    amount   BIGINT  NOT NULL CHECK (amount >= 0),
    branch   BIGINT  NOT NULL CHECK (branch IN (0, 1)),
    idx      BIGINT  NOT NULL CHECK (idx >= 0),
    height   BIGINT  NOT NULL CHECK (height >= 0),
    coinbase BOOLEAN NOT NULL,
    spent_by TEXT    NOT NULL,
    spent_at BIGINT  NOT NULL CHECK (spent_at >= 0), -- 0 is unspent
    PRIMARY KEY (chain, point)
)/* strict */;

CREATE INDEX coins_by_height ON coins (chain, height);
CREATE INDEX coins_by_spend ON coins (chain, spent_at) WHERE spent_at <> 0;

-- Who a coin is committed to. It may be held before a block has shown it.
CREATE TABLE holds (
    chain TEXT    NOT NULL CHECK (chain <> ''),
    point TEXT    NOT NULL CHECK (point <> ''),
    owner TEXT    NOT NULL CHECK (owner <> ''),
    used  BOOLEAN NOT NULL,
    PRIMARY KEY (chain, point)
)/* strict */;

CREATE INDEX holds_by_owner ON holds (chain, owner);
