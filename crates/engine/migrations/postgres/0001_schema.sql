-- Everything that the embedded database has after its step 14, in the words of PostgreSQL. Names, columns and
-- meanings are the same; moments are milliseconds since 1970. No extension, no trigger, no function.

-- Numbers of users. A number that was once given is not given again.
-- The upper bound is the largest integer that every JSON reader keeps exact.
CREATE SEQUENCE user_ids MINVALUE 1 MAXVALUE 9007199254740991;

-- Who has an account?
CREATE TABLE users (
    -- Stable integer; imported ids are kept.
    id             BIGINT  NOT NULL DEFAULT nextval('user_ids'),
    -- Opaque public id, 16 bytes.
    uuid           BYTEA   NOT NULL CHECK (length(uuid) = 16),
    -- As typed.
    username       TEXT,
    -- Canonical form; two accounts never share one.
    username_key   TEXT    COLLATE "C",
    -- As typed.
    email          TEXT,
    -- Canonical form; two accounts never share one.
    email_key      TEXT    COLLATE "C",
    -- True once control of the mailbox was proved.
    email_verified BOOLEAN NOT NULL,
    -- Empty when unknown.
    first_name     TEXT    NOT NULL,
    -- Empty when unknown.
    last_name      TEXT    NOT NULL,
    -- As typed.
    phone_number   TEXT,
    -- A path under /media/avatars/ or an imported URL.
    avatar         TEXT,
    -- One role by name; empty when none.
    role           TEXT    COLLATE "C" NOT NULL,
    -- JSON list of names.
    permissions    TEXT    NOT NULL,
    -- Whether the account may be used.
    status         TEXT    NOT NULL CHECK (status IN ('active', 'inactive', 'suspended')),
    -- JSON object of the application.
    attributes     TEXT    NOT NULL,
    -- The password hash with its scheme and cost; absent = no password.
    password_hash  TEXT,
    -- Last successful sign-in.
    last_login_at  BIGINT,
    -- Sign-up or import.
    created_at     BIGINT  NOT NULL,
    -- Last change by the user or an operator.
    changed_at     BIGINT  NOT NULL,
    -- Grows with every change of password or status; a change made from an older look is refused.
    epoch          BIGINT  NOT NULL DEFAULT 0,
    -- Tokens without a session are refused when issued before.
    valid_after    BIGINT  NOT NULL DEFAULT 0,
    -- Whether a second factor is in force; beside the user, so that no look at an account can miss it.
    second_factor  BOOLEAN NOT NULL DEFAULT FALSE,
    CONSTRAINT users_id PRIMARY KEY (id),
    CONSTRAINT users_id_range CHECK (id BETWEEN 1 AND 9007199254740991),
    CONSTRAINT users_uuid UNIQUE (uuid),
    CONSTRAINT users_username_key UNIQUE (username_key),
    CONSTRAINT users_email_key UNIQUE (email_key),
    -- A display form without its key could be claimed twice.
    CHECK ((username IS NULL) = (username_key IS NULL)),
    CHECK ((email IS NULL) = (email_key IS NULL))
) WITH (fillfactor = 80);

-- Finds the users of a role, and whether an administrator is left, without looking at everybody.
CREATE INDEX users_of_role ON users (role) WHERE role <> '';
CREATE INDEX users_permitted_all ON users (id) WHERE strpos(permissions, '"admin.*"') > 0;

-- Which ids had an owner that was deleted? Kept so that an import can not give them to another person.
CREATE TABLE gone_users (
    id   BIGINT NOT NULL PRIMARY KEY,
    uuid BYTEA  NOT NULL UNIQUE
);

-- Who is signed in, and with which refresh token in force?
CREATE TABLE sessions (
    -- Milliseconds of the sign-in and 22 bits of chance, so that rows arrive in order.
    id                 BIGINT  NOT NULL,
    -- Whose.
    user_id            BIGINT  NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- Name of the contract it was opened through; no other contract may use it.
    contract           TEXT    NOT NULL,
    -- Number of the refresh token in force, from 0.
    counter            BIGINT  NOT NULL DEFAULT 0 CHECK (counter BETWEEN 0 AND 4294967295),
    -- SHA-256 of the refresh token in force; absent where the contract has none.
    digest             BYTEA   CHECK (length(digest) = 32),
    -- When the refresh token in force was made.
    rotated_at         BIGINT  NOT NULL,
    -- When the refresh token in force ends.
    refresh_expires_at BIGINT  NOT NULL,
    -- When the session ends whatever happens.
    expires_at         BIGINT  NOT NULL,
    -- The sign-in.
    created_at         BIGINT  NOT NULL,
    -- Client address at the sign-in.
    address            TEXT    NOT NULL,
    -- Client software at the sign-in.
    user_agent         TEXT    NOT NULL,
    -- When it was ended; absent while it lives.
    ended_at           BIGINT,
    -- Why it was ended.
    end_reason         TEXT,
    -- When the user last proved who it is.
    authenticated_at   BIGINT  NOT NULL DEFAULT 0,
    -- When it was last used.
    seen_at            BIGINT  NOT NULL DEFAULT 0,
    -- Whether it was opened with a second factor.
    with_factor        BOOLEAN NOT NULL DEFAULT FALSE,
    CONSTRAINT sessions_id PRIMARY KEY (id),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
) WITH (fillfactor = 70);

-- Finds the live sessions of a user however many have ended, and all of them when the user is deleted.
CREATE INDEX sessions_of_user ON sessions (user_id, ended_at);

-- What happened, for the operator? Rows are only added. No foreign key: an event outlives its user.
CREATE TABLE events (
    -- Order of arrival.
    id         BIGINT NOT NULL GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    -- In which strand of the trail it was written. Each writer has one at a time.
    strand     BIGINT NOT NULL,
    -- Its number within the strand, from 1, without gaps.
    place      BIGINT NOT NULL,
    -- One of a closed list of names.
    kind       TEXT   NOT NULL,
    -- When.
    at         BIGINT NOT NULL,
    -- About whom, if known.
    user_id    BIGINT,
    -- In which session, if any.
    session_id BIGINT,
    -- Through which contract; empty for the console.
    contract   TEXT   NOT NULL,
    -- Client address; empty for the console.
    address    TEXT   NOT NULL,
    -- Code of the refusal; empty when granted.
    result     TEXT   NOT NULL,
    -- Id of the request, as in the log.
    request    TEXT   NOT NULL,
    -- Who did it: one of a closed list of words.
    actor      TEXT   NOT NULL,
    -- Number of the administrator or admin key who did it.
    actor_id   BIGINT,
    -- The verb, or the command on the console.
    verb       TEXT   NOT NULL,
    -- More about it: a JSON object on one line, or empty.
    details    TEXT   NOT NULL,
    -- HMAC-SHA-256 over this row and the hash of the row before it in its strand; absent in rows that are older than
    -- the seals and were copied from an embedded database.
    hash       BYTEA  CHECK (length(hash) = 32)
);

-- Finds the end of a strand; a second row in the same place can not be.
CREATE UNIQUE INDEX events_of_strand ON events (strand, place);
-- Finds what happened to one user, newest first.
CREATE INDEX events_of_user ON events (user_id, id) WHERE user_id IS NOT NULL;
-- Finds up to where old rows were deleted.
CREATE INDEX events_pruned ON events (id) WHERE kind = 'trail_pruned';

-- With which row does each strand of the trail end? Without it rows could be cut off the end unseen.
CREATE TABLE trail_heads (
    strand  BIGINT NOT NULL PRIMARY KEY,
    -- Place of the last row; 0 = there was none yet.
    place   BIGINT NOT NULL,
    -- HMAC-SHA-256 over strand, place and the hash of that row.
    seal    BYTEA  NOT NULL CHECK (length(seal) = 32),
    -- When a writer last wrote to it, by the clock of the database. One that was not written to for a while is free.
    used_at BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 10);

-- What do people look like?
CREATE TABLE avatars (
    -- Random file name with its extension.
    name       TEXT   COLLATE "C" NOT NULL,
    -- `image/png` and the like.
    media_type TEXT   NOT NULL,
    -- The picture, re-encoded; at most 1 MiB, which the caller has made sure of.
    bytes      BYTEA  NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT avatars_name PRIMARY KEY (name)
);

-- Which kinds of password hash were ever stored? The slowest of them sets how long a failed sign-in takes.
CREATE TABLE hash_schemes (
    -- `scheme:cost`, for example `bcrypt:12`.
    label TEXT COLLATE "C" NOT NULL PRIMARY KEY
);

-- Which letters are still to be sent? Written with the change they tell of, deleted once sent or over.
CREATE TABLE outbox (
    -- Order of arrival.
    id         BIGINT NOT NULL GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    -- One of a closed list of names.
    letter     TEXT   NOT NULL,
    -- About whom; absent once the account is gone.
    user_id    BIGINT,
    -- The mailbox.
    recipient  TEXT   NOT NULL,
    -- What the reader is called; empty when unknown.
    name       TEXT   NOT NULL,
    -- Language tags by preference; empty = the house's own.
    language   TEXT   NOT NULL,
    -- Number of the link in the letter, if it has one. The link's token is not stored.
    link       BYTEA  CHECK (length(link) = 16),
    -- Dropped unsent after this moment.
    expires_at BIGINT NOT NULL,
    -- When it was written.
    created_at BIGINT NOT NULL,
    -- When it is to be tried next.
    due_at     BIGINT NOT NULL,
    -- How often it was tried.
    tries      BIGINT NOT NULL DEFAULT 0
);

-- Finds what is due.
CREATE INDEX outbox_due ON outbox (due_at);

-- Under which master key are secrets sealed here? One row, from the first start on.
CREATE TABLE master_key (
    id          BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    -- Derived from the key: says which it is and nothing about it.
    check_value BYTEA  NOT NULL CHECK (length(check_value) = 16)
);

-- Whose password was tried in vain, how often in a row? Kept so that a restart is no new start for a guesser.
CREATE TABLE failures (
    -- Keyed hash of the user's id, or of the identifier that was typed where nobody has it.
    account  BYTEA  NOT NULL CHECK (length(account) = 16),
    -- The user; absent where nobody has the identifier. Such rows are bounded, those of users by the users.
    user_id  BIGINT REFERENCES users (id) ON DELETE CASCADE,
    -- In a row, without a right password in between.
    failures BIGINT NOT NULL,
    -- The last one.
    last_at  BIGINT NOT NULL,
    -- How often the failures were forgotten; tells a running server to look again.
    cleared  BIGINT NOT NULL DEFAULT 0,
    CONSTRAINT failures_account PRIMARY KEY (account),
    CONSTRAINT failures_user UNIQUE (user_id)
) WITH (fillfactor = 80);

-- Finds the rows of nobody that are worth least.
CREATE INDEX failures_of_nobody ON failures (failures, last_at) WHERE user_id IS NULL;

-- Which one-time links can still be used? Their tokens are not stored.
CREATE TABLE links (
    -- Random number; the token is this under a seal of the server's key.
    id          BYTEA  NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    -- One of a closed list of purposes.
    kind        TEXT   NOT NULL,
    -- Whose.
    user_id     BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The user's address when it was made, as its canonical key; absent = none.
    bound       TEXT   COLLATE "C",
    -- The user's epoch when it was made.
    epoch       BIGINT NOT NULL,
    -- The address that it leads to, as typed.
    address     TEXT,
    -- The same as its canonical key; nobody else can take it while the link could give it back.
    address_key TEXT   COLLATE "C",
    created_at  BIGINT NOT NULL,
    -- Not to be used from then on.
    expires_at  BIGINT NOT NULL,
    -- When it was used; absent while it was not.
    used_at     BIGINT,
    CHECK ((address IS NULL) = (address_key IS NULL))
);

-- Finds the older ones of a user.
CREATE INDEX links_of_user ON links (user_id, kind);
-- Finds out whether an address is kept for its former owner.
CREATE INDEX links_to ON links (address_key) WHERE address_key IS NOT NULL;
-- Finds those that are over.
CREATE INDEX links_over ON links (expires_at);

-- How many letters that anybody can ask for went to an address within the last hour?
CREATE TABLE letters_counted (
    -- Canonical key of the address, whether it has an account or not.
    recipient TEXT   COLLATE "C" NOT NULL,
    -- Which letter.
    letter    TEXT   NOT NULL,
    at        BIGINT NOT NULL
);

CREATE INDEX letters_counted_of ON letters_counted (recipient, letter, at);
CREATE INDEX letters_counted_over ON letters_counted (at);

-- Whose turn is it to count letters and post one? Of all who ask for letters to one address each has its row alone until
-- its letter is counted. An address has one of these rows by its hash.
CREATE TABLE letter_turns (
    turn BIGINT NOT NULL PRIMARY KEY
);
INSERT INTO letter_turns (turn) SELECT generate_series(0, 63);

-- Which keys open the administrators' routes? The keys themselves are not stored.
CREATE TABLE admin_keys (
    -- 63 random bits; the part of the key that may be shown.
    id           BIGINT NOT NULL PRIMARY KEY,
    -- SHA-256 of the whole key.
    digest       BYTEA  NOT NULL CHECK (length(digest) = 32),
    -- For people.
    name         TEXT   NOT NULL,
    -- JSON list of scopes.
    scopes       TEXT   NOT NULL,
    -- Who made it; absent = the console. A key goes with its maker.
    owner        BIGINT REFERENCES users (id) ON DELETE CASCADE,
    created_at   BIGINT NOT NULL,
    -- When it ends.
    expires_at   BIGINT NOT NULL,
    -- When it was last used, to the minute.
    last_used_at BIGINT,
    -- When it was revoked.
    revoked_at   BIGINT
);

-- Finds the keys of their maker, also when it is deleted.
CREATE INDEX admin_keys_of_owner ON admin_keys (owner);

-- Which token may make the first administrator? One row at most.
CREATE TABLE admin_bootstrap (
    one        BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    -- SHA-256 of the token.
    digest     BYTEA  NOT NULL CHECK (length(digest) = 32),
    -- When it ends.
    expires_at BIGINT NOT NULL
);

-- Who has a second factor? One row holds all of it, so that whatever is used once is used by one conditional update.
CREATE TABLE factors (
    -- Whose.
    user_id BIGINT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    -- Grows with every change; a change made from an older look is refused.
    version BIGINT NOT NULL,
    -- JSON: the factor in force and the one that waits (seeds sealed under the master key), digests of recovery codes,
    -- wrong answers so far.
    state   TEXT   NOT NULL
);

-- Who has shown the password and not yet the second factor?
CREATE TABLE half_way (
    -- SHA-256 of the token.
    digest     BYTEA  NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    -- What it opens.
    kind       TEXT   NOT NULL,
    -- Whose password was right.
    user_id    BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- Of the user at that moment; with another epoch the token is void.
    epoch      BIGINT NOT NULL,
    -- Name of the contract; no other may use it.
    contract   TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX half_way_of_user ON half_way (user_id, expires_at);

-- Which work in the background is done by one node at a time, and by which?
CREATE TABLE leases (
    -- One of a closed list of names.
    name       TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    -- Random number of the node.
    holder     BIGINT NOT NULL,
    -- Another node may take it from then on, by the clock of the database.
    expires_at BIGINT NOT NULL
);

-- How much of a budget that all nodes share is used up? Losing the last moments of it harms nobody.
CREATE TABLE budgets (
    -- Which budget, and a keyed hash of whose it is.
    name    BYTEA  NOT NULL PRIMARY KEY,
    -- When it is full again, microseconds since 1970.
    full_at BIGINT NOT NULL
) WITH (fillfactor = 50);

-- Which pairs of account and password failed from one client lately?
CREATE TABLE suspects (
    -- Keyed hash of the client's address.
    client BYTEA  NOT NULL,
    -- Keyed hash of the pair.
    pair   BYTEA  NOT NULL,
    -- Microseconds since 1970.
    at     BIGINT NOT NULL,
    CONSTRAINT suspects_pair PRIMARY KEY (client, pair)
);
