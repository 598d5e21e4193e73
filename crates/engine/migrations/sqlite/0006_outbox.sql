-- Which letters are still to be sent? Written with the change they tell of, deleted once sent or over.
CREATE TABLE outbox (
    -- Order of arrival.
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    -- One of a closed list of names.
    letter     TEXT    NOT NULL,
    -- About whom; absent once the account is gone.
    user_id    INTEGER,
    -- The mailbox.
    recipient  TEXT    NOT NULL,
    -- What the reader is called; empty when unknown.
    name       TEXT    NOT NULL,
    -- Language tags by preference; empty = the house's own.
    language   TEXT    NOT NULL,
    -- Number of the link in the letter, if it has one. The link's token is not stored.
    link       BLOB    CHECK (length(link) = 16),
    -- Dropped unsent after this moment, milliseconds since 1970.
    expires_at INTEGER NOT NULL,
    -- When it was written, milliseconds since 1970.
    created_at INTEGER NOT NULL,
    -- When it is to be tried next, milliseconds since 1970.
    due_at     INTEGER NOT NULL,
    -- How often it was tried.
    tries      INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Finds what is due.
CREATE INDEX outbox_due ON outbox (due_at);
