-- Instructions in full, transfers with their approvals, and documents. What
-- plain rows do not have is NULL (or 0, where tools sum it up), so that they are
-- written without these columns and cost what they did before.

ALTER TABLE positions ADD COLUMN reserved_quantity   TEXT NOT NULL DEFAULT '0'; -- part of locked_quantity
ALTER TABLE positions ADD COLUMN pending_in_quantity TEXT NOT NULL DEFAULT '0';
ALTER TABLE positions ADD COLUMN transit_quantity    TEXT NOT NULL DEFAULT '0';

ALTER TABLE balances ADD COLUMN reserved_balance   TEXT NOT NULL DEFAULT '0'; -- part of locked_balance
ALTER TABLE balances ADD COLUMN pending_in_balance TEXT NOT NULL DEFAULT '0';
ALTER TABLE balances ADD COLUMN transit_balance    TEXT NOT NULL DEFAULT '0';

ALTER TABLE settlements ADD COLUMN matching_status      TEXT;
ALTER TABLE settlements ADD COLUMN matching_reason_code TEXT;
ALTER TABLE settlements ADD COLUMN matching_reason      TEXT;
ALTER TABLE settlements ADD COLUMN matched_with         TEXT;
ALTER TABLE settlements ADD COLUMN counterparty_account TEXT;
ALTER TABLE settlements ADD COLUMN payment_currency     TEXT;
ALTER TABLE settlements ADD COLUMN payment_amount       TEXT;
ALTER TABLE settlements ADD COLUMN settled_payment      TEXT;
ALTER TABLE settlements ADD COLUMN reserved             TEXT;
ALTER TABLE settlements ADD COLUMN penalty              TEXT;
ALTER TABLE settlements ADD COLUMN trade_date           TEXT;
ALTER TABLE settlements ADD COLUMN rail                 TEXT;
ALTER TABLE settlements ADD COLUMN due_at               TEXT;
ALTER TABLE settlements ADD COLUMN under_way            TEXT;
ALTER TABLE settlements ADD COLUMN ready_at             TEXT;
ALTER TABLE settlements ADD COLUMN cut_off_at           TEXT;
ALTER TABLE settlements ADD COLUMN links_done           INTEGER; -- one bit per link
ALTER TABLE settlements ADD COLUMN terms                TEXT;

CREATE TABLE transfers (
	transfer_id            TEXT PRIMARY KEY NOT NULL,
	external_id            TEXT,
	rail                   TEXT NOT NULL,
	direction              TEXT NOT NULL,
	account_id             TEXT NOT NULL,
	symbol                 TEXT NOT NULL,
	quantity               TEXT NOT NULL,
	beneficiary            TEXT,
	requested_by           TEXT,
	status                 TEXT NOT NULL,
	stage                  TEXT NOT NULL,
	reason_code            TEXT,
	reason                 TEXT,
	history                TEXT,
	approvals_required     INTEGER NOT NULL,
	confirmations          INTEGER NOT NULL,
	confirmations_required INTEGER NOT NULL,
	fee                    TEXT NOT NULL,
	max_fee                TEXT NOT NULL,
	reserved               TEXT NOT NULL,
	transit                TEXT NOT NULL,
	pending_in             TEXT NOT NULL,
	value_date             TEXT,
	initiated_at           TEXT,
	completed_at           TEXT,
	expected_completion    TEXT,
	metadata               TEXT,
	due_at                 TEXT,
	return_due             INTEGER NOT NULL,
	credit_account         TEXT,
	expires_at             TEXT,
	reorgs                 INTEGER NOT NULL,
	shortfall              TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX transfers_external ON transfers (external_id) WHERE external_id IS NOT NULL;
CREATE INDEX transfers_account ON transfers (account_id, transfer_id);
CREATE INDEX transfers_open ON transfers (transfer_id) WHERE status IN ('PENDING', 'IN_PROGRESS') OR return_due;
-- Who approves asks by stage. Nearly all have settled.
CREATE INDEX transfers_stage ON transfers (stage, transfer_id) WHERE stage <> 'SETTLED';

CREATE TABLE approvals (
	transfer_id TEXT NOT NULL REFERENCES transfers,
	idx         INTEGER NOT NULL,
	approver    TEXT NOT NULL,
	decision    TEXT NOT NULL,
	decided_at  TEXT,
	PRIMARY KEY (transfer_id, idx)
) STRICT, WITHOUT ROWID;

CREATE TABLE documents (
	kind       TEXT NOT NULL,
	id         TEXT NOT NULL,
	body       TEXT NOT NULL,
	due_at     TEXT,
	updated_at TEXT,
	PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
