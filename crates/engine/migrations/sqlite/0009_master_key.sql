-- Under which master key are secrets sealed here? One row, from the first start on.
CREATE TABLE master_key (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    -- Derived from the key: says which it is and nothing about it.
    check_value BLOB NOT NULL CHECK (length(check_value) = 16)
) STRICT;
