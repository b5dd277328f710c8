-- The books of one instance. {schema} stands for the quoted name of its schema.
-- Keys compare by bytes (COLLATE "C"), which is both the order of the cursors
-- and the cheapest.

-- The head of the journal: one row, whose update is the compare-and-swap of
-- every append. It has no index, and room in its page for its next versions.
CREATE TABLE {schema}.meta (
	version  int4   NOT NULL,
	instance text   NOT NULL,
	epoch    int8   NOT NULL,
	seq      int8   NOT NULL,
	hash     bytea  NOT NULL
) WITH (fillfactor = 10, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);

-- The truth: one row per batch. Batches of up to a page stay in their row, and
-- none is compressed: that would cost the server more than the bytes do.
CREATE TABLE {schema}.journal (
	first_seq int8  NOT NULL,
	last_seq  int8  NOT NULL,
	at        timestamptz,
	hash      bytea NOT NULL,
	events    bytea NOT NULL,
	PRIMARY KEY (last_seq)
) WITH (toast_tuple_target = 8160);
ALTER TABLE {schema}.journal ALTER COLUMN events SET STORAGE EXTERNAL;

-- How far the tables below have come. Apart from meta, so that projections and
-- appends do not wait for one another.
CREATE TABLE {schema}.projection (
	epoch     int8 NOT NULL,
	seq       int8 NOT NULL,
	at        timestamptz,
	hash      bytea NOT NULL,
	generator bytea
) WITH (fillfactor = 10, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);

CREATE TABLE {schema}.accounts (
	account_id   text COLLATE "C" PRIMARY KEY,
	client_id    text NOT NULL,
	account_type text NOT NULL,
	status       text NOT NULL,
	created_at   timestamptz,
	last_updated timestamptz,
	metadata     jsonb
);

CREATE TABLE {schema}.positions (
	position_id        uuid PRIMARY KEY,
	account_id         text COLLATE "C" NOT NULL,
	symbol             text COLLATE "C" NOT NULL,
	quantity           numeric NOT NULL,
	available_quantity numeric NOT NULL,
	locked_quantity    numeric NOT NULL,
	average_cost       numeric NOT NULL,
	market_value       numeric NOT NULL,
	currency           text NOT NULL,
	last_updated       timestamptz,
	created_at         timestamptz,
	metadata           jsonb,
	UNIQUE (account_id, symbol)
) WITH (fillfactor = 70);

CREATE TABLE {schema}.balances (
	balance_id        uuid PRIMARY KEY,
	account_id        text COLLATE "C" NOT NULL,
	currency          text COLLATE "C" NOT NULL,
	available_balance numeric NOT NULL,
	locked_balance    numeric NOT NULL,
	total_balance     numeric NOT NULL,
	last_updated      timestamptz,
	metadata          jsonb,
	created_at        timestamptz,
	average_cost      numeric NOT NULL,
	market_value      numeric NOT NULL,
	UNIQUE (account_id, currency)
) WITH (fillfactor = 70);

CREATE TABLE {schema}.mirrors (
	symbol  text COLLATE "C" PRIMARY KEY,
	account text NOT NULL,
	balance numeric NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE {schema}.settlements (
	settlement_id            uuid PRIMARY KEY,
	external_id              text COLLATE "C",
	settlement_type          text NOT NULL,
	account_id               text COLLATE "C" NOT NULL,
	symbol                   text NOT NULL,
	quantity                 numeric NOT NULL,
	status                   text NOT NULL,
	source_account           text COLLATE "C",
	destination_account      text COLLATE "C",
	initiated_at             timestamptz,
	completed_at             timestamptz,
	expected_settlement_date date,
	metadata                 jsonb,
	settled_quantity         numeric NOT NULL,
	processing_status        text,
	processing_reason_code   text,
	processing_reason        text,
	settlement_status        text,
	settlement_reason_code   text,
	settlement_reason        text,
	hold_status              text,
	hold_reason_code         text,
	hold_reason              text,
	history                  json
) WITH (fillfactor = 90);
CREATE UNIQUE INDEX settlements_external ON {schema}.settlements (external_id) WHERE external_id IS NOT NULL;
CREATE INDEX settlements_account ON {schema}.settlements (account_id, settlement_id);
-- The other party, which only transfers between clients have: of a deposit or
-- a withdrawal both sides are the account itself or the custodian's mirror.
CREATE INDEX settlements_source ON {schema}.settlements (source_account, settlement_id)
	WHERE source_account <> account_id AND source_account <> 'DEPOSITORY' AND source_account <> 'NOSTRO';
CREATE INDEX settlements_destination ON {schema}.settlements (destination_account, settlement_id)
	WHERE destination_account <> account_id AND destination_account <> 'DEPOSITORY' AND destination_account <> 'NOSTRO';
-- What settles at once never enters this one.
CREATE INDEX settlements_open ON {schema}.settlements (settlement_id) WHERE status IN ('PENDING', 'IN_PROGRESS');
-- Rows come in the order of time, so a summary per range of pages finds a day.
CREATE INDEX settlements_time ON {schema}.settlements USING brin (initiated_at) WITH (pages_per_range = 32, autosummarize = on);

CREATE TABLE {schema}.ledger_entries (
	sequence       int8 NOT NULL,
	idx            int4 NOT NULL,
	symbol         text NOT NULL,
	amount         numeric NOT NULL,
	debit_account  text COLLATE "C" NOT NULL,
	debit_bucket   text NOT NULL,
	credit_account text COLLATE "C" NOT NULL,
	credit_bucket  text NOT NULL,
	settlement_id  uuid,
	posted_at      timestamptz,
	PRIMARY KEY (sequence, idx)
);
-- A mirror account is one side of nearly every entry: to index it would cost
-- much and select nothing.
CREATE INDEX ledger_entries_debit ON {schema}.ledger_entries (debit_account, sequence, idx)
	WHERE debit_account <> 'DEPOSITORY' AND debit_account <> 'NOSTRO';
CREATE INDEX ledger_entries_credit ON {schema}.ledger_entries (credit_account, sequence, idx)
	WHERE credit_account <> 'DEPOSITORY' AND credit_account <> 'NOSTRO';
CREATE INDEX ledger_entries_settlement ON {schema}.ledger_entries (settlement_id) WHERE settlement_id IS NOT NULL;

CREATE TABLE {schema}.idempotency_keys (
	key         text COLLATE "C" PRIMARY KEY,
	fingerprint bytea NOT NULL,
	sequence    int8 NOT NULL
);
