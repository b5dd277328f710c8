-- The books of one instance. Amounts are decimal text, exact to the last digit,
-- and times are UTC in RFC 3339 with microseconds, which other tools can read
-- and which sort by time. Text compares by bytes, the order of the cursors.

-- One row: the epoch of the last claim, and how far the tables have come.
CREATE TABLE meta (
	id                  INTEGER PRIMARY KEY CHECK (id = 1),
	epoch               INTEGER NOT NULL,
	projected_sequence  INTEGER NOT NULL,
	projected_at        TEXT,
	projected_hash      BLOB    NOT NULL,
	projected_generator BLOB
) STRICT;

-- The truth: one row per batch. The key is the row's address, so an append
-- touches nothing but the last page.
CREATE TABLE journal (
	first_sequence INTEGER NOT NULL,
	last_sequence  INTEGER PRIMARY KEY,
	at             TEXT,
	hash           BLOB NOT NULL,
	events         BLOB NOT NULL
) STRICT;

CREATE TABLE accounts (
	account_id   TEXT PRIMARY KEY,
	client_id    TEXT NOT NULL,
	account_type TEXT NOT NULL,
	status       TEXT NOT NULL,
	created_at   TEXT,
	last_updated TEXT,
	metadata     TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE positions (
	position_id        TEXT PRIMARY KEY,
	account_id         TEXT NOT NULL,
	symbol             TEXT NOT NULL,
	quantity           TEXT NOT NULL,
	available_quantity TEXT NOT NULL,
	locked_quantity    TEXT NOT NULL,
	average_cost       TEXT NOT NULL,
	market_value       TEXT NOT NULL,
	currency           TEXT NOT NULL,
	last_updated       TEXT,
	created_at         TEXT,
	metadata           TEXT,
	UNIQUE (account_id, symbol)
) STRICT, WITHOUT ROWID;

CREATE TABLE balances (
	balance_id        TEXT PRIMARY KEY,
	account_id        TEXT NOT NULL,
	currency          TEXT NOT NULL,
	available_balance TEXT NOT NULL,
	locked_balance    TEXT NOT NULL,
	total_balance     TEXT NOT NULL,
	last_updated      TEXT,
	metadata          TEXT,
	created_at        TEXT,
	average_cost      TEXT NOT NULL,
	market_value      TEXT NOT NULL,
	UNIQUE (account_id, currency)
) STRICT, WITHOUT ROWID;

CREATE TABLE mirrors (
	symbol  TEXT PRIMARY KEY,
	account TEXT NOT NULL,
	balance TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE settlements (
	settlement_id            TEXT PRIMARY KEY NOT NULL,
	external_id              TEXT,
	settlement_type          TEXT NOT NULL,
	account_id               TEXT NOT NULL,
	symbol                   TEXT NOT NULL,
	quantity                 TEXT NOT NULL,
	status                   TEXT NOT NULL,
	source_account           TEXT,
	destination_account      TEXT,
	initiated_at             TEXT,
	completed_at             TEXT,
	expected_settlement_date TEXT,
	metadata                 TEXT,
	settled_quantity         TEXT NOT NULL,
	processing_status        TEXT,
	processing_reason_code   TEXT,
	processing_reason        TEXT,
	settlement_status        TEXT,
	settlement_reason_code   TEXT,
	settlement_reason        TEXT,
	hold_status              TEXT,
	hold_reason_code         TEXT,
	hold_reason              TEXT,
	history                  TEXT
) STRICT;
CREATE UNIQUE INDEX settlements_external ON settlements (external_id) WHERE external_id IS NOT NULL;
CREATE INDEX settlements_account ON settlements (account_id, settlement_id);
-- The other party, which only transfers between clients have: of a deposit or
-- a withdrawal both sides are the account itself or the custodian's mirror.
CREATE INDEX settlements_source ON settlements (source_account, settlement_id)
	WHERE source_account <> account_id AND source_account NOT IN ('DEPOSITORY', 'NOSTRO');
CREATE INDEX settlements_destination ON settlements (destination_account, settlement_id)
	WHERE destination_account <> account_id AND destination_account NOT IN ('DEPOSITORY', 'NOSTRO');
-- Nearly all are completed, and what settles at once never enters this one.
CREATE INDEX settlements_status ON settlements (status, settlement_id) WHERE status <> 'COMPLETED';

CREATE TABLE ledger_entries (
	sequence       INTEGER NOT NULL,
	idx            INTEGER NOT NULL,
	symbol         TEXT NOT NULL,
	amount         TEXT NOT NULL,
	debit_account  TEXT NOT NULL,
	debit_bucket   TEXT NOT NULL,
	credit_account TEXT NOT NULL,
	credit_bucket  TEXT NOT NULL,
	settlement_id  TEXT,
	posted_at      TEXT,
	PRIMARY KEY (sequence, idx)
) STRICT, WITHOUT ROWID;
-- A mirror account is one side of nearly every entry: to index it would cost
-- much and select nothing.
CREATE INDEX ledger_entries_debit ON ledger_entries (debit_account, sequence, idx)
	WHERE debit_account NOT IN ('DEPOSITORY', 'NOSTRO');
CREATE INDEX ledger_entries_credit ON ledger_entries (credit_account, sequence, idx)
	WHERE credit_account NOT IN ('DEPOSITORY', 'NOSTRO');
CREATE INDEX ledger_entries_settlement ON ledger_entries (settlement_id, sequence, idx) WHERE settlement_id IS NOT NULL;

CREATE TABLE idempotency_keys (
	key         TEXT PRIMARY KEY,
	fingerprint BLOB    NOT NULL,
	sequence    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO meta VALUES (1, 0, 0, NULL, zeroblob(32), NULL);
