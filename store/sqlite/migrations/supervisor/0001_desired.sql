-- The desired state of one supervisor: at most one row.
CREATE TABLE desired (
	id         INTEGER PRIMARY KEY CHECK (id = 1),
	revision   INTEGER NOT NULL,
	document   TEXT    NOT NULL,
	updated_at TEXT    NOT NULL
) STRICT;
