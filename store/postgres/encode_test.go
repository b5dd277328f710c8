package postgres

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// What the server would read is what the driver's own decoder reads.
func decodeNumeric(t *testing.T, b []byte) string {
	t.Helper()
	m := pgtype.NewMap()
	var s string
	plan := m.PlanScan(pgtype.NumericOID, pgtype.BinaryFormatCode, new(pgtype.Numeric))
	var n pgtype.Numeric
	if err := plan.Scan(b, &n); err != nil {
		t.Fatal(err)
	}
	text, err := m.Encode(pgtype.NumericOID, pgtype.TextFormatCode, n, nil)
	if err != nil {
		t.Fatal(err)
	}
	s = string(text)
	return s
}

func TestBinaryNumbersMeanWhatTheirTextSays(t *testing.T) {
	t.Parallel()
	texts := []string{
		"0", "1", "-1", "10", "9999", "10000", "10001", "0.1", "0.0001", "0.00001", "-0.000000000000000001", "1.5", "10000.0001", "100000000", "0.10000001",
		"12345678901234567890.123456789012345678", "-99999999999999999999.999999999999999999",
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		digits := make([]byte, 1+r.IntN(38))
		for i := range digits {
			digits[i] = '0' + byte(r.IntN(10)*r.IntN(2)) // many zeros
		}
		text := string(digits)
		if at := len(text) - r.IntN(19); at > 0 && at < len(text) && at <= 20 {
			text = text[:at] + "." + text[at:]
		}
		if a, err := money.Parse(text); err == nil {
			texts = append(texts, a.String(), a.Neg().String())
		}
	}
	for _, text := range texts {
		b := appendNumeric(nil, text)
		got, err := money.Restore(decodeNumeric(t, b))
		if err != nil || got.String() != text {
			t.Fatalf("%s came back as %s (%v)", text, got, err)
		}
		_, fraction, _ := strings.Cut(text, ".")
		if scale := int(binary.BigEndian.Uint16(b[6:])); scale != len(fraction) {
			t.Fatalf("%s shows %d digits after the point", text, scale)
		}
	}
}

func TestDocumentsAreBroughtBackToTheirCanonicalForm(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]string{
		"": "", "{}": "{}",
		`{"b": 1.50, "aa": [1, 2], "c": {"z": null, "y": "<&>é"}}`: `{"aa":[1,2],"b":1.50,"c":{"y":"<&>é","z":null}}`,
		`{"n": 123456789012345678901234567890.5}`:                  `{"n":123456789012345678901234567890.5}`,
	} {
		if got, err := canonical(document); err != nil || string(got) != want {
			t.Errorf("%s became %s (%v)", document, got, err)
		}
	}
}

func TestSchemaNamesAreChecked(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", strings.Repeat("x", 64), "pg_x", "information_schema", supervisorSchema, "a{schema}", `a"b`, "a.b", "a\x00"} {
		if checkSchema(name) == nil {
			t.Errorf("%q is accepted", name)
		}
	}
	for _, name := range []string{"custodian", "custodian_sim_001", "Fünf", "a-b"} {
		if err := checkSchema(name); err != nil {
			t.Error(err)
		}
	}
}

func TestUnreadableURLsNeverShowTheirPassword(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"postgres://user:s3cret@host:port/db", "postgres://user:s3cret@host/db?sslmode=bogus", "postgres://user:s3cret%zz@host/db",
		"host=x password=s3cret port=many", "postgres://user:pa/s3cret@host:5432/db", "s3cret", "postgres://u:s3cret:@h:1:2/x",
		"postgres://u:x@h/db?password=s3cret&connect_timeout=soon", "postgres://u@h/db?default_query_exec_mode=s3cret",
	} {
		_, err := parse(url)
		if err == nil {
			continue // the driver reads more than it should; connecting will tell
		}
		if strings.Contains(err.Error(), "s3cret") && !strings.Contains(url, "exec_mode=s3cret") {
			t.Errorf("%q shows the password", err)
		}
	}
}
