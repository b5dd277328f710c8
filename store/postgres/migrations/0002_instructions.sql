-- Instructions in full, transfers with their approvals, and documents. What
-- plain rows do not have is NULL (or 0, where tools sum it up), so that they are
-- written without these columns and cost what they did before.

ALTER TABLE {schema}.positions
	ADD COLUMN reserved_quantity   numeric NOT NULL DEFAULT 0, -- part of locked_quantity
	ADD COLUMN pending_in_quantity numeric NOT NULL DEFAULT 0,
	ADD COLUMN transit_quantity    numeric NOT NULL DEFAULT 0;

ALTER TABLE {schema}.balances
	ADD COLUMN reserved_balance   numeric NOT NULL DEFAULT 0, -- part of locked_balance
	ADD COLUMN pending_in_balance numeric NOT NULL DEFAULT 0,
	ADD COLUMN transit_balance    numeric NOT NULL DEFAULT 0;

ALTER TABLE {schema}.settlements
	ADD COLUMN matching_status      text,
	ADD COLUMN matching_reason_code text,
	ADD COLUMN matching_reason      text,
	ADD COLUMN matched_with         uuid,
	ADD COLUMN counterparty_account text,
	ADD COLUMN payment_currency     text,
	ADD COLUMN payment_amount       numeric,
	ADD COLUMN settled_payment      numeric,
	ADD COLUMN reserved             numeric,
	ADD COLUMN penalty              numeric,
	ADD COLUMN trade_date           date,
	ADD COLUMN rail                 text,
	ADD COLUMN due_at               timestamptz,
	ADD COLUMN under_way            numeric,
	ADD COLUMN ready_at             timestamptz,
	ADD COLUMN cut_off_at           timestamptz,
	ADD COLUMN links_done           int8, -- one bit per link
	ADD COLUMN terms                json;

CREATE TABLE {schema}.transfers (
	transfer_id            uuid PRIMARY KEY,
	external_id            text COLLATE "C",
	rail                   text NOT NULL,
	direction              text NOT NULL,
	account_id             text COLLATE "C" NOT NULL,
	symbol                 text NOT NULL,
	quantity               numeric NOT NULL,
	beneficiary            json,
	requested_by           text,
	status                 text NOT NULL,
	stage                  text NOT NULL,
	reason_code            text,
	reason                 text,
	history                json,
	approvals_required     int4 NOT NULL,
	confirmations          int4 NOT NULL,
	confirmations_required int4 NOT NULL,
	fee                    numeric NOT NULL,
	max_fee                numeric NOT NULL,
	reserved               numeric NOT NULL,
	transit                numeric NOT NULL,
	pending_in             numeric NOT NULL,
	value_date             date,
	initiated_at           timestamptz,
	completed_at           timestamptz,
	expected_completion    timestamptz,
	metadata               jsonb,
	due_at                 timestamptz,
	return_due             bool NOT NULL,
	credit_account         text,
	expires_at             timestamptz,
	reorgs                 int4 NOT NULL,
	shortfall              numeric NOT NULL
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX transfers_external ON {schema}.transfers (external_id) WHERE external_id IS NOT NULL;
CREATE INDEX transfers_account ON {schema}.transfers (account_id, transfer_id);
CREATE INDEX transfers_open ON {schema}.transfers (transfer_id) WHERE status IN ('PENDING', 'IN_PROGRESS') OR return_due;
-- Who approves asks by stage. Transfers end outside of this one.
CREATE INDEX transfers_stage ON {schema}.transfers (stage, transfer_id)
	WHERE stage IN ('SUBMITTED', 'AWAITING_APPROVAL', 'APPROVED', 'RESERVED', 'BROADCAST', 'CONFIRMING');
CREATE INDEX transfers_time ON {schema}.transfers USING brin (initiated_at) WITH (pages_per_range = 32, autosummarize = on);

CREATE TABLE {schema}.approvals (
	transfer_id uuid NOT NULL REFERENCES {schema}.transfers,
	idx         int4 NOT NULL,
	approver    text NOT NULL,
	decision    text NOT NULL,
	decided_at  timestamptz,
	PRIMARY KEY (transfer_id, idx)
);

-- json and not jsonb: bodies keep every byte.
CREATE TABLE {schema}.documents (
	kind       text COLLATE "C" NOT NULL,
	id         text COLLATE "C" NOT NULL,
	body       json NOT NULL,
	due_at     timestamptz,
	updated_at timestamptz,
	PRIMARY KEY (kind, id)
) WITH (fillfactor = 50);
