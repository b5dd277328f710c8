package inprocess_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/scenario"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/scenario/overgrpc"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/scenario/overhttp"
)

const scripts = "../../testdata/scenarios"

// shown is what the scripts of testdata/scenarios show between them: the rows of
// the settlement table, links, the edges of calendars, and what else a custodian
// does. A script says under covers: which of these it is there for.
var shown = []string{
	"transition 1", "transition 1a", "transition 1b", "transition 2", "transition 3", "transition 4", "transition 5", "transition 6",
	"transition 7", "transition 8", "transition 8x", "transition 9", "transition 10", "transition 11", "transition 12", "transition 13",
	"transition 14", "transition 15",
	"link WITH", "link AFTE", "link BEFO", "link INFO",
	"calendar DST spring", "calendar DST autumn", "calendar holiday", "calendar early close", "calendar cut-off second",
	"calendar weekend", "calendar year end", "calendar leap day",
	"rail crypto_internal", "rail crypto_external", "rail crypto_external fee", "rail crypto_external drop", "rail crypto_external reorg",
	"rail wire_domestic", "rail wire_international", "rail ach_transfer", "rail ach_transfer return",
	"approval tier 1", "approval tier 2", "approval tier 3", "approval tier 4", "approval own request", "approval twice",
	"approval expiry", "approval simulated",
	"policy whitelist", "policy velocity", "policy concentration", "policy AML hold",
	"account freeze", "account close", "account master balance", "account segregated balances",
	"chaos delay-settlements", "chaos partial-settlement-failure", "chaos multi-sig-delays", "chaos simulate-bank-holiday",
	"chaos reject-transfers", "chaos custodian-offline", "chaos status", "chaos clear-all", "chaos rules",
	"reconciliation break", "reconciliation tolerance",
	"corporate action dividend", "corporate action split", "corporate action coupon", "corporate action redemption",
	"statement of holdings", "statement of transactions", "statement of cash", "idempotency", "locks", "clock", "api keys",
	"ISO 20022 instruction", "ISO 20022 cancellation", "ISO 20022 confirmation", "ISO 20022 statements",
	"bad input unknown code", "bad input non-business day", "bad input past date", "bad input mismatching legs",
	"bad input own approval", "bad input wrong state", "bad input clock backwards", "bad input unknown account",
}

// script is a file of testdata/scenarios.
type script struct {
	file string
	*scenario.Scenario
}

func readScripts(t *testing.T) []script {
	t.Helper()
	var all []script
	err := filepath.WalkDir(scripts, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		s, err := scenario.Parse(data)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return nil
		}
		file, err := filepath.Rel(scripts, path)
		all = append(all, script{filepath.ToSlash(file), s})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestScriptsShowEveryTransitionAndEdge(t *testing.T) {
	t.Parallel()
	covered := map[string]bool{}
	names := map[string]string{}
	for _, s := range readScripts(t) {
		if other := names[s.Name]; other != "" {
			t.Errorf("%s has the name of %s", s.file, other)
		}
		names[s.Name] = s.file
		if len(s.Covers) == 0 {
			t.Errorf("%s does not say what it is there for", s.file)
		}
		for _, rule := range s.Covers {
			covered[rule] = true
			if !slices.Contains(shown, rule) {
				t.Errorf("%s covers %q, which is not on the list", s.file, rule)
			}
		}
	}
	for _, rule := range shown {
		if !covered[rule] {
			t.Errorf("no script covers %q", rule)
		}
	}
}

func TestScriptsHoldOverBothFaces(t *testing.T) {
	t.Parallel()
	for _, s := range readScripts(t) {
		t.Run(strings.TrimSuffix(s.file, ".yaml"), func(t *testing.T) {
			t.Parallel()
			entry, err := json.Marshal(s.Custodian)
			if err != nil {
				t.Fatal(err)
			}
			overHTTP := &listener{Custodian: overhttp.Handler{Handler: start(t, string(entry)).Handler()}}
			play(t, s, "HTTP", overHTTP)

			conn, err := start(t, string(entry)).Dial()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := conn.Close(); err != nil {
					t.Error(err)
				}
			})
			overGRPC := &listener{Custodian: &overgrpc.Client{Conn: conn}}
			play(t, s, "gRPC", overGRPC)

			if len(overHTTP.heard) != len(overGRPC.heard) {
				t.Fatalf("%d answers over HTTP, %d over gRPC", len(overHTTP.heard), len(overGRPC.heard))
			}
			for i, a := range overHTTP.heard {
				if b := overGRPC.heard[i]; !reflect.DeepEqual(a, b) {
					t.Errorf("answer %d\nover HTTP %+v\nover gRPC %+v", i+1, a, b)
				}
			}
		})
	}
}

func TestTheExampleOfTheHowToHolds(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(scripts, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, example, found := strings.Cut(string(text), "```yaml\n")
	example, _, ended := strings.Cut(example, "```")
	if !found || !ended {
		t.Fatal("there is no example")
	}
	s, err := scenario.Parse([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	entry, err := json.Marshal(s.Custodian)
	if err != nil {
		t.Fatal(err)
	}
	play(t, script{"README.md", s}, "HTTP", &listener{Custodian: overhttp.Handler{Handler: start(t, string(entry)).Handler()}})
}

// play plays a script, and asks for the hash of the books at the end.
func play(t *testing.T, s script, face string, c *listener) {
	t.Helper()
	result, err := scenario.Run(t.Context(), s.Scenario, c)
	if err != nil {
		t.Fatal(err)
	}
	if f := result.Failure; f != nil {
		t.Fatalf("over %s, %s:%d, step %s:\n%s\nthe answer was %s", face, s.file, f.Line, f.Step, strings.Join(f.Problems, "\n"), f.Answer)
	}
	if _, _, err := c.Do(t.Context(), "GET", "/debug/state", nil, nil); err != nil {
		t.Fatal(err)
	}
}

// listener remembers the answers of a custodian.
type listener struct {
	scenario.Custodian
	heard []answer
}

// answer is what both faces have to agree in. Of refusals that is the code and the
// field: their words may speak of the face.
type answer struct {
	request string
	status  int
	body    any
}

func (l *listener) Do(ctx context.Context, method, path string, headers map[string]string, body []byte) (int, []byte, error) {
	status, text, err := l.Custodian.Do(ctx, method, path, headers, body)
	var value any = string(text) // XML and CSV
	var decoded any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if d.Decode(&decoded) == nil {
		value = decoded
	}
	if m, ok := decoded.(map[string]any); ok && status >= 400 {
		value = [2]any{m["code"], m["field"]}
	}
	l.heard = append(l.heard, answer{method + " " + path, status, value})
	return status, text, err
}
