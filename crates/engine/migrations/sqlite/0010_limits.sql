-- Whose password was tried in vain, how often in a row? Kept so that a restart is no new start for a guesser.
CREATE TABLE failures (
    -- Keyed hash of the user's id, or of the identifier that was typed where nobody has it.
    account  BLOB    NOT NULL PRIMARY KEY CHECK (length(account) = 16),
    -- The user; absent where nobody has the identifier. Such rows are bounded, those of users by the users.
    user_id  INTEGER UNIQUE REFERENCES users (id) ON DELETE CASCADE,
    -- In a row, without a right password in between.
    failures INTEGER NOT NULL,
    -- The last one, milliseconds since 1970.
    last_at  INTEGER NOT NULL,
    -- How often the failures were forgotten; tells a running server to look again.
    cleared  INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Finds the rows of nobody that are worth least.
CREATE INDEX failures_of_nobody ON failures (failures, last_at) WHERE user_id IS NULL;
