-- Which kinds of password hash were ever stored? The slowest of them sets how long a failed sign-in takes.
CREATE TABLE hash_schemes (
    -- `scheme:cost`, for example `bcrypt:12`.
    label TEXT NOT NULL PRIMARY KEY
) STRICT;
