-- When did the user of a session last prove who it is, and when was the session last used? Milliseconds since 1970.
ALTER TABLE sessions ADD COLUMN authenticated_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN seen_at INTEGER NOT NULL DEFAULT 0;
UPDATE sessions SET authenticated_at = created_at, seen_at = rotated_at;
