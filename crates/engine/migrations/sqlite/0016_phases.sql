-- Who answers at a mount that takes over from another application? One row is one mount whose phase was set at run time;
-- it wins over the settings.
CREATE TABLE phases (
    -- The dialect, with `@host` and the prefix where the mount has them.
    mount      TEXT    NOT NULL PRIMARY KEY,
    phase      TEXT    NOT NULL CHECK (phase IN ('shadow', 'dual', 'cut')),
    -- Milliseconds since 1970.
    changed_at INTEGER NOT NULL
) STRICT;

-- What happened on the way? Numbers only: no value that a user typed or an application answered.
CREATE TABLE migration_counts (
    -- As above.
    mount   TEXT    NOT NULL,
    -- A word of a closed list.
    what    TEXT    NOT NULL,
    -- A route and a place in its answer; empty where there is nothing to tell apart.
    detail  TEXT    NOT NULL,
    count   INTEGER NOT NULL CHECK (count > 0),
    -- When it happened last; milliseconds since 1970.
    last_at INTEGER NOT NULL,
    PRIMARY KEY (mount, what, detail)
) STRICT;
