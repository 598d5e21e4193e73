-- Which one-time links can still be used? Their tokens are not stored.
CREATE TABLE links (
    -- Random number; the token is this under a seal of the server's key.
    id          BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    -- One of a closed list of purposes.
    kind        TEXT    NOT NULL,
    -- Whose.
    user_id     INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The user's address when it was made, as its canonical key; absent = none.
    bound       TEXT,
    -- The user's epoch when it was made.
    epoch       INTEGER NOT NULL,
    -- The address that it leads to, as typed.
    address     TEXT,
    -- The same as its canonical key; nobody else can take it while the link could give it back.
    address_key TEXT,
    -- Milliseconds since 1970.
    created_at  INTEGER NOT NULL,
    -- Not to be used from then on, milliseconds since 1970.
    expires_at  INTEGER NOT NULL,
    -- When it was used; absent while it was not. Milliseconds since 1970.
    used_at     INTEGER,
    CHECK ((address IS NULL) = (address_key IS NULL))
) STRICT, WITHOUT ROWID;

-- Finds the older ones of a user.
CREATE INDEX links_of_user ON links (user_id, kind);
-- Finds out whether an address is kept for its former owner.
CREATE INDEX links_to ON links (address_key) WHERE address_key IS NOT NULL;
-- Finds those that are over.
CREATE INDEX links_over ON links (expires_at);

-- How many letters that anybody can ask for went to an address within the last hour?
CREATE TABLE letters_counted (
    -- Canonical key of the address, whether it has an account or not.
    recipient TEXT    NOT NULL,
    -- Which letter.
    letter    TEXT    NOT NULL,
    -- Milliseconds since 1970.
    at        INTEGER NOT NULL
) STRICT;

CREATE INDEX letters_counted_of ON letters_counted (recipient, letter, at);
CREATE INDEX letters_counted_over ON letters_counted (at);
