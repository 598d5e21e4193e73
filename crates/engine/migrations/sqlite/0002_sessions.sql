-- Who is signed in, and with which refresh token in force?
CREATE TABLE sessions (
    -- Milliseconds of the sign-in and 22 bits of chance, so that rows arrive in order.
    id                 INTEGER PRIMARY KEY,
    -- Whose.
    user_id            INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- Name of the contract it was opened through; no other contract may use it.
    contract           TEXT    NOT NULL,
    -- Number of the refresh token in force, from 0.
    counter            INTEGER NOT NULL DEFAULT 0 CHECK (counter BETWEEN 0 AND 4294967295),
    -- SHA-256 of the refresh token in force; absent where the contract has none.
    digest             BLOB    CHECK (length(digest) = 32),
    -- When the refresh token in force was made, milliseconds since 1970.
    rotated_at         INTEGER NOT NULL,
    -- When the refresh token in force ends, milliseconds since 1970.
    refresh_expires_at INTEGER NOT NULL,
    -- When the session ends whatever happens, milliseconds since 1970.
    expires_at         INTEGER NOT NULL,
    -- The sign-in, milliseconds since 1970.
    created_at         INTEGER NOT NULL,
    -- Client address at the sign-in.
    address            TEXT    NOT NULL,
    -- Client software at the sign-in.
    user_agent         TEXT    NOT NULL,
    -- When it was ended; absent while it lives. Milliseconds since 1970.
    ended_at           INTEGER,
    -- Why it was ended.
    end_reason         TEXT,
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
) STRICT;

-- Finds the live sessions of a user however many have ended, and all of them when the user is deleted.
CREATE INDEX sessions_of_user ON sessions (user_id, ended_at);
