package badinput

import (
	"fmt"
	"strings"
)

// words makes texts for fields by their names: sensible ones, so that requests
// get beyond the first check, and such as are at or beyond a bound.
type words struct {
	dice *dice
	pool *pool
	// foreign has the ids of another instance.
	foreign *pool
	// enums are the values that the document allows, by name of field.
	enums map[string][]string
	// names are those of instances, where these are what requests are about.
	names []string
	count int
}

var (
	accounts   = []string{"fund-a", "fund-b", "fund-c", "pension-trust", "macro-fund"}
	dates      = []string{"2026-11-23", "2026-11-24", "2026-11-25", "2026-11-27", "2026-12-01", "2026-12-24"}
	instants   = []string{"2026-11-23T15:00:00Z", "2026-11-24T09:00:00-05:00", "2026-11-25T00:00:00Z", "2026-12-01T12:00:00Z"}
	decimals   = []string{"1", "2", "0.5", "10", "100", "2.25", "1000", "0.01", "7", "19000.00"}
	durations  = []string{"1s", "1m", "20m", "1h", "24h", "72h"}
	persons    = []string{"alice", "bob", "carol", "ana"}
	currencies = []string{"USD", "EUR"}
	symbols    = []string{"AAPL", "BTC", "USD", "MSFT", "ETH", "EUR"}
	rails      = []string{"wire_domestic", "wire_international", "crypto_external", "crypto_internal", "ach_transfer"}
)

// sensible returns a text for the field of a name that is right, as far as a name
// can tell.
func (w *words) sensible(name string) string {
	d := w.dice
	if list := w.enums[name]; len(list) > 0 {
		return pick(d, list)
	}
	if d.in(2) {
		if known := w.pool.any(d, name); known != "" && name != "account_id" && name != "external_id" {
			return known
		}
	}
	switch name {
	case "name", "instance", "drained", "paused":
		if w.names != nil {
			return pick(d, w.names)
		}
		return pick(d, []string{"a fault", "Broker Ltd"})
	case "driver":
		return "memory"
	case "profile":
		return pick(d, []string{"instant", "crypto-custodian", "global-custodian", "prime-broker"})
	case "schema", "redis_prefix":
		return pick(d, []string{"books_one", "books_two", "custodian:x:"})
	case "when":
		return "transfer.quantity > 5"
	case "then":
		return pick(d, []string{"hold", "reject"})
	case "secret", "previous_secret":
		return "whsec_ZXhhbXBsZS1zZWNyZXQtY2hhbmdlLW1lLW5vdw=="
	case "account_id", "source_account", "destination_account", "counterparty_account", "client_id", "accounts":
		return pick(d, accounts)
	case "symbol", "symbols":
		return pick(d, symbols)
	case "currency":
		return pick(d, currencies)
	case "rail", "rails", "affected_types", "settlement_types":
		return pick(d, rails)
	case "settlement_type":
		return pick(d, []string{"DEPOSIT", "WITHDRAWAL", "TRANSFER", "DVP", "RVP", "DFP", "RFP"})
	case "direction":
		return pick(d, []string{"IN", "OUT"})
	case "by":
		return pick(d, append(durations, persons...))
	case "requested_by":
		return pick(d, persons)
	case "to", "now":
		return pick(d, append(instants, dates...))
	case "from", "until":
		return pick(d, append(dates, instants...))
	case "date", "settlement_date", "trade_date", "record_date", "payment_date":
		return pick(d, dates)
	case "window", "interval", "grace", "drain_grace", "request_timeout", "duration":
		return pick(d, durations)
	case "url":
		return "http://127.0.0.1:9/hook" // nobody is there
	case "events":
		return pick(d, []string{"settlement.*", "transfer.*", "*"})
	case "bic", "bank":
		return pick(d, []string{"CHASUS33", "DEUTDEFFXXX", "SLOWUS33XXX"})
	case "metadata":
		return pick(d, []string{"", "{}", `{"desk":"rates"}`})
	case "mode":
		return pick(d, []string{"manual", "real", "scaled"})
	case "code", "reason_code":
		return pick(d, []string{"LACK", "MONY", "CMIS", "DQUA"})
	case "external_id", "id", "idempotency_key":
		w.count++
		return fmt.Sprintf("%s-%d", strings.ReplaceAll(name, "_", "-"), w.count)
	}
	if numeric(name) {
		return pick(d, decimals)
	}
	return pick(d, []string{"some text", "x", "Broker Ltd", "12345678"})
}

// numeric guesses whether a text field takes decimals.
func numeric(name string) bool {
	for _, part := range []string{"quantity", "amount", "balance", "rate", "cost", "value", "units", "share", "fee", "multiplier", "price", "hours", "factor"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// extremes are texts at the bounds of what some field takes, or beyond.
var extremes = []string{
	"", " ", "\t", "a b", "-", "0", "-0", "-1", "+1", "1.", ".5", "1e5", "1e400", "0x10", "NaN", "Infinity", "null", "true", "1,000",
	"0.000000000000000001", "0.0000000000000000001", "1.234", "99999999999999999999", "99999999999999999999.999999999999999999",
	"340282366920938463463374607431768211456", "9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616",
	"2026-02-29", "2026-02-30", "0000-00-00", "0001-01-01", "9999-12-31", "10000-01-01", "2031-01-02", "2026-11-26", "2026-11-28", "26-11-23",
	"2026-11-23T25:00:00Z", "2026-11-23T09:00:00+99:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "2026-11-23T15:00:00.123456789123Z",
	"1ns", "-1h", "0s", "8760h", "87600h", "2562047h47m16.854775807s", "2562048h", "1", "1d",
	"\x00", "a\x00b", "\x7f", "\u0085", "\u2028", "\ufeff", "\u202e", "\u00e9", "e\u0301", "\U0001f600", "\ufffd", "\x1b[31m",
	"'; DROP TABLE settlements; --", "%", "%s%n", "_", "*", "../../../etc/passwd", "..", ".", "/", "\\", "a/b", "<script>alert(1)</script>",
	"${jndi:ldap://127.0.0.1:9/a}", "{{7*7}}", "\r\nX-Injected: 1", `"`, "`id`", "018f3c5e-7a10-7000-8000-0123456789ab",
	"{018f3c5e-7a10-7000-8000-0123456789ab}", "018F3C5E-7A10-7000-8000-0123456789AB", "00000000-0000-0000-0000-000000000000",
	"DEPOSITORY", "NOSTRO", "deposit", "DEPOSIT ", "usd", "US", "XXX", "MS0w", "====", "0-0", "1-0", "18446744073709551615-1", "-1--1",
}

// extreme returns a text at a bound of something, or beyond. A limit is the
// document's bound of the length, 0 for none.
func (w *words) extreme(limit int) string {
	d := w.dice
	if limit == 0 {
		limit = pick(d, []int{1, 10, 35, 50, 100, 128, 140, 200, 255, 1000, 5000})
	}
	switch d.IntN(8) {
	case 0:
		return strings.Repeat("x", limit)
	case 1:
		return strings.Repeat("x", limit+1)
	case 2:
		return strings.Repeat("\u00e9", limit)
	case 3:
		return strings.Repeat("9", min(limit, 400))
	case 4:
		if id := w.foreign.any(d, pick(d, []string{"settlement_id", "position_id", "balance_id", "transfer_id"})); id != "" {
			return id
		}
	}
	return pick(d, extremes)
}
