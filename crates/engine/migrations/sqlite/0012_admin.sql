-- Which keys open the administrators' routes? The keys themselves are not stored.
CREATE TABLE admin_keys (
    -- 63 random bits; the part of the key that may be shown.
    id           INTEGER PRIMARY KEY,
    -- SHA-256 of the whole key.
    digest       BLOB    NOT NULL CHECK (length(digest) = 32),
    -- For people.
    name         TEXT    NOT NULL,
    -- JSON list of scopes.
    scopes       TEXT    NOT NULL,
    -- Who made it; absent = the console. A key goes with its maker.
    owner        INTEGER REFERENCES users (id) ON DELETE CASCADE,
    -- Milliseconds since 1970.
    created_at   INTEGER NOT NULL,
    -- When it ends, milliseconds since 1970.
    expires_at   INTEGER NOT NULL,
    -- When it was last used, to the minute; milliseconds since 1970.
    last_used_at INTEGER,
    -- When it was revoked, milliseconds since 1970.
    revoked_at   INTEGER
) STRICT;

-- Finds the keys of their maker, also when it is deleted.
CREATE INDEX admin_keys_of_owner ON admin_keys (owner);

-- Which token may make the first administrator? One row at most.
CREATE TABLE admin_bootstrap (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    -- SHA-256 of the token.
    digest     BLOB    NOT NULL CHECK (length(digest) = 32),
    -- When it ends, milliseconds since 1970.
    expires_at INTEGER NOT NULL
) STRICT;

-- Finds the users of a role, and whether an administrator is left, without looking at everybody.
CREATE INDEX users_of_role ON users (role) WHERE role <> '';
CREATE INDEX users_permitted_all ON users (id) WHERE instr(permissions, '"admin.*"') > 0;
