-- With which keys do tokens, tickets and the trail come about, where many nodes share a database? On one machine they
-- are files, and this is empty. One row is one document, sealed under the master key for its name and version.
CREATE TABLE keys (
    -- `tickets`, or the name of a dialect.
    name       TEXT    NOT NULL PRIMARY KEY,
    -- 1 at first; grows with every change. A change made from an older look is refused.
    version    INTEGER NOT NULL CHECK (version > 0),
    -- Short name of the master key that opens it.
    master     TEXT    NOT NULL,
    -- Nonce, text and tag in base64.
    sealed     TEXT    NOT NULL,
    -- Milliseconds since 1970.
    changed_at INTEGER NOT NULL
) STRICT;
