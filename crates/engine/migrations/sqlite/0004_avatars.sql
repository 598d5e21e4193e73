-- What do people look like?
CREATE TABLE avatars (
    -- Random file name with its extension.
    name       TEXT    NOT NULL PRIMARY KEY,
    -- `image/png` and the like.
    media_type TEXT    NOT NULL,
    -- The picture, re-encoded; at most 1 MiB, which the caller has made sure of.
    bytes      BLOB    NOT NULL,
    -- Milliseconds since 1970.
    created_at INTEGER NOT NULL
) STRICT;
