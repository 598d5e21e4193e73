-- In which strand of the trail was a row written? Several writers at a time have a strand each; one alone has number 0.
ALTER TABLE events ADD COLUMN strand INTEGER NOT NULL DEFAULT 0;
-- Its number within the strand, without gaps; absent in rows from before this step, where it is the id.
ALTER TABLE events ADD COLUMN place  INTEGER;

-- With which row does each strand of the trail end? Without it rows could be cut off the end unseen.
CREATE TABLE trail_heads (
    strand  INTEGER PRIMARY KEY,
    -- Place of the last row.
    place   INTEGER NOT NULL,
    -- HMAC-SHA-256 over strand, place and the hash of that row.
    seal    BLOB    NOT NULL CHECK (length(seal) = 32),
    -- When a writer last wrote to it, milliseconds since 1970; 0 where there is only one.
    used_at INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO trail_heads (strand, place, seal) SELECT 0, row, seal FROM trail_head;
DROP TABLE trail_head;
