-- Who answers at a mount that takes over from another application? One row is one mount whose phase was set at run time;
-- it wins over the settings.
CREATE TABLE phases (
    -- The dialect, with `@host` and the prefix where the mount has them.
    mount      TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    phase      TEXT   COLLATE "C" NOT NULL CHECK (phase IN ('shadow', 'dual', 'cut')),
    -- Milliseconds since 1970.
    changed_at BIGINT NOT NULL
);

-- What happened on the way? Numbers only: no value that a user typed or an application answered.
CREATE TABLE migration_counts (
    -- As above.
    mount   TEXT   COLLATE "C" NOT NULL,
    -- A word of a closed list.
    what    TEXT   COLLATE "C" NOT NULL,
    -- A route and a place in its answer; empty where there is nothing to tell apart.
    detail  TEXT   COLLATE "C" NOT NULL,
    count   BIGINT NOT NULL CHECK (count > 0),
    -- When it happened last; milliseconds since 1970.
    last_at BIGINT NOT NULL,
    PRIMARY KEY (mount, what, detail)
);
