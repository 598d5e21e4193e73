-- Who did what, and has anybody changed what is written about it?
-- Who did it: one of a closed list of words; empty in rows from before this step.
ALTER TABLE events ADD COLUMN actor    TEXT NOT NULL DEFAULT '';
-- Number of the administrator or admin key who did it.
ALTER TABLE events ADD COLUMN actor_id INTEGER;
-- The verb, or the command on the console.
ALTER TABLE events ADD COLUMN verb     TEXT NOT NULL DEFAULT '';
-- More about it: a JSON object on one line, or empty.
ALTER TABLE events ADD COLUMN details  TEXT NOT NULL DEFAULT '';
-- HMAC-SHA-256 over this row and the hash of the row before it; absent in rows from before this step.
ALTER TABLE events ADD COLUMN hash     BLOB CHECK (length(hash) = 32);

-- Finds what happened to one user, newest first.
CREATE INDEX events_of_user ON events (user_id, id) WHERE user_id IS NOT NULL;
-- Finds up to where old rows were deleted.
CREATE INDEX events_pruned ON events (id) WHERE kind = 'trail_pruned';

-- With which row does the trail end? One row. Without it rows could be cut off the end unseen.
CREATE TABLE trail_head (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    -- Number of the last event.
    row  INTEGER NOT NULL,
    -- HMAC-SHA-256 over that number and the hash of that event.
    seal BLOB    NOT NULL CHECK (length(seal) = 32)
) STRICT;
