-- What happened, for the operator? Rows are only added. No foreign key: an event outlives its user.
CREATE TABLE events (
    -- Order of arrival.
    id         INTEGER PRIMARY KEY,
    -- One of a closed list of names.
    kind       TEXT    NOT NULL,
    -- Milliseconds since 1970.
    at         INTEGER NOT NULL,
    -- About whom, if known.
    user_id    INTEGER,
    -- In which session, if any.
    session_id INTEGER,
    -- Through which contract; empty for the console.
    contract   TEXT    NOT NULL,
    -- Client address; empty for the console.
    address    TEXT    NOT NULL,
    -- Code of the refusal; empty when granted.
    result     TEXT    NOT NULL,
    -- Id of the request, as in the log.
    request    TEXT    NOT NULL
) STRICT;
