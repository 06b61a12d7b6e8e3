-- The last version of every deleted item, so that a new item of that key counts on and a version
-- never stands for two bodies.
CREATE TABLE retired (
    tbl     TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    PRIMARY KEY (tbl, key)
) STRICT, WITHOUT ROWID;
