//go:build integration

package custodiantest_test

import (
	"bytes"
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodiantest"
)

// firstHour is what each program under testdata/examples prints.
const firstHour = `opened fund
deposit of 100 AAPL: PENDING, due 2026-11-24
asked again: the same settlement, replayed: true
withdrawal of 500 AAPL: PENDING
listed 2 settlements on 2 pages
advanced the clock from 2026-11-23 to 2026-11-25
event settlement.completed: COMPLETED
withdrawal: FAILING LACK, account "fund" has 100 AAPL available, 500 is needed
refused: invalid_request quantity
`

// TestProgramsInOtherLanguagesDoAsTheDocumentSays runs the examples as they are
// published. One whose language is not installed is not run, which .ci/run says
// at its end.
func TestProgramsInOtherLanguagesDoAsTheDocumentSays(t *testing.T) {
	t.Parallel()
	for runtime, program := range map[string]string{
		"python3": "../../testdata/examples/python/first_hour.py",
		"node":    "../../testdata/examples/node/first_hour.mjs",
	} {
		t.Run(runtime, func(t *testing.T) {
			t.Parallel()
			path, err := exec.LookPath(runtime)
			if err != nil {
				t.Skipf("EXAMPLE NOT DONE: %s is not run: %v", program, err)
			}
			bank := custodiantest.StartWith(t, `{"profile": "global-custodian"}`)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var output, trouble bytes.Buffer
			cmd := exec.CommandContext(ctx, path, program, bank.URL)
			cmd.Stdout, cmd.Stderr = &output, &trouble
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v after\n%s\n%s", err, &output, &trouble)
			}
			if output.String() != firstHour {
				t.Errorf("printed\n%s\nwant\n%s", &output, firstHour)
			}
			bank.RequirePosition("fund", "AAPL", "100", "0")
		})
	}
}
