-- Items and what they are found by. The number marks the file as ours ("NSYN").
PRAGMA application_id = 1314085198;

CREATE TABLE item (
    tbl     TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    frame   BLOB    NOT NULL,
    PRIMARY KEY (tbl, key)
) STRICT;

-- The primary key is the order of answers.
CREATE TABLE entry (
    tbl  TEXT NOT NULL,
    name TEXT NOT NULL,
    key  TEXT NOT NULL,
    sort TEXT NOT NULL,
    item TEXT NOT NULL,
    PRIMARY KEY (tbl, name, key, sort, item),
    FOREIGN KEY (tbl, item) REFERENCES item (tbl, key) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX entry_by_item ON entry (tbl, item);
