-- Who has a second factor? One row holds all of it, so that whatever is used once is used by one conditional update.
CREATE TABLE factors (
    -- Whose.
    user_id INTEGER PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    -- Grows with every change; a change made from an older look is refused.
    version INTEGER NOT NULL,
    -- JSON: the factor in force and the one that waits (seeds sealed under the master key), digests of recovery codes,
    -- wrong answers so far.
    state   TEXT    NOT NULL
) STRICT;

-- Who has shown the password and not yet the second factor?
CREATE TABLE half_way (
    -- SHA-256 of the token.
    digest     BLOB    NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    -- What it opens.
    kind       TEXT    NOT NULL,
    -- Whose password was right.
    user_id    INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- Of the user at that moment; with another epoch the token is void.
    epoch      INTEGER NOT NULL,
    -- Name of the contract; no other may use it.
    contract   TEXT    NOT NULL,
    -- Milliseconds since 1970.
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX half_way_of_user ON half_way (user_id, expires_at);

-- Whether a second factor is in force; beside the user, so that no look at an account can miss it.
ALTER TABLE users ADD COLUMN second_factor INTEGER NOT NULL DEFAULT 0 CHECK (second_factor IN (0, 1));
-- Whether the session was opened with a second factor.
ALTER TABLE sessions ADD COLUMN with_factor INTEGER NOT NULL DEFAULT 0 CHECK (with_factor IN (0, 1));
