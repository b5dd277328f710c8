//go:build integration

package custodiantest_test

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
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
		"node":    "../../testdata/examples/typescript/first_hour.mts",
	} {
		t.Run(runtime, func(t *testing.T) {
			t.Parallel()
			path, err := exec.LookPath(runtime)
			if err != nil {
				t.Skipf("EXAMPLE NOT DONE: %s is not run: %v", program, err)
			}
			if runtime == "node" {
				program = withoutTypes(t, path, program)
			}
			bank := custodiantest.StartWith(t, `{"profile": "global-custodian"}`)
			if got := run(t, path, program, bank.URL); got != firstHour {
				t.Errorf("printed\n%s\nwant\n%s", got, firstHour)
			}
			bank.RequirePosition("fund", "AAPL", "100", "0")
		})
	}
}

// withoutTypes returns a program in TypeScript that this Node.js can run: itself
// where Node.js removes types, which it does from 22.18 on, else a copy that esbuild
// makes.
func withoutTypes(t *testing.T, node, program string) string {
	t.Helper()
	version := run(t, node, "--version")
	var major, minor int
	if _, err := fmt.Sscanf(version, "v%d.%d.", &major, &minor); err != nil {
		t.Fatalf("node --version says %q: %v", version, err)
	}
	if major > 22 || major == 22 && minor >= 18 {
		return program
	}
	esbuild, err := exec.LookPath("esbuild")
	if err != nil {
		t.Skipf("EXAMPLE NOT DONE: %s is not run: Node.js %s does not remove types, and esbuild is not there (make tool-esbuild)", program, strings.TrimSpace(version))
	}
	plain := filepath.Join(t.TempDir(), "first_hour.mjs")
	run(t, esbuild, program, "--format=esm", "--outfile="+plain, "--log-level=warning")
	return plain
}

// run returns what a program prints, and fails the test if it fails.
func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var output, trouble bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = &output, &trouble
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %q: %v after\n%s\n%s", program, args, err, &output, &trouble)
	}
	return output.String()
}
