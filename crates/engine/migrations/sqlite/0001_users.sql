-- Who has an account?
CREATE TABLE users (
    -- Stable integer; imported ids are kept. AUTOINCREMENT: an id that was once given is not given again.
    -- The upper bound is the largest integer that every JSON reader keeps exact.
    id             INTEGER PRIMARY KEY AUTOINCREMENT CHECK (id BETWEEN 1 AND 9007199254740991),
    -- Opaque public id, 16 bytes.
    uuid           BLOB    NOT NULL UNIQUE CHECK (length(uuid) = 16),
    -- As typed.
    username       TEXT,
    -- Canonical form; two accounts never share one.
    username_key   TEXT    UNIQUE,
    -- As typed.
    email          TEXT,
    -- Canonical form; two accounts never share one.
    email_key      TEXT    UNIQUE,
    -- 1 once control of the mailbox was proved.
    email_verified INTEGER NOT NULL CHECK (email_verified IN (0, 1)),
    -- Empty when unknown.
    first_name     TEXT    NOT NULL,
    -- Empty when unknown.
    last_name      TEXT    NOT NULL,
    -- As typed.
    phone_number   TEXT,
    -- A path under /media/avatars/ or an imported URL.
    avatar         TEXT,
    -- One role by name; empty when none.
    role           TEXT    NOT NULL,
    -- JSON list of names.
    permissions    TEXT    NOT NULL,
    -- Whether the account may be used.
    status         TEXT    NOT NULL CHECK (status IN ('active', 'inactive', 'suspended')),
    -- JSON object of the application.
    attributes     TEXT    NOT NULL,
    -- The password hash with its scheme and cost; absent = no password.
    password_hash  TEXT,
    -- Last successful sign-in, milliseconds since 1970.
    last_login_at  INTEGER,
    -- Sign-up or import, milliseconds since 1970.
    created_at     INTEGER NOT NULL,
    -- Last change by the user or an operator, milliseconds since 1970.
    changed_at     INTEGER NOT NULL,
    -- Grows with every change of password or status; a change made from an older look is refused.
    epoch          INTEGER NOT NULL DEFAULT 0,
    -- Tokens without a session are refused when issued before; milliseconds since 1970.
    valid_after    INTEGER NOT NULL DEFAULT 0,
    -- A display form without its key could be claimed twice.
    CHECK ((username IS NULL) = (username_key IS NULL)),
    CHECK ((email IS NULL) = (email_key IS NULL))
) STRICT;

-- Which ids had an owner that was deleted? Kept so that an import can not give them to another person.
CREATE TABLE gone_users (
    -- The integer id.
    id   INTEGER PRIMARY KEY,
    -- The public id.
    uuid BLOB NOT NULL UNIQUE
) STRICT;
