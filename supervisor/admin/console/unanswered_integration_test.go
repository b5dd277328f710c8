//go:build integration

package console_test

import (
	"fmt"
	"net/http"
	"testing"
)

// What does not run is not asked, again and again, for what it cannot tell; and is once
// it runs.
func TestTheConsoleAsksWhatRuns(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	p.adds("pending", `, "storage": {"driver": "postgres", "postgres": {"url": "postgres://nobody@127.0.0.1:1/nothing"}}`)
	b := open(t, p.url)
	b.visit("instances/quick/clock")
	b.sees("Work is due next")
	if _, err := p.live.Drain(t.Context(), "quick", 0, true); err != nil {
		t.Fatal(err)
	}
	b.sees("It is drained, and answers once it runs.")
	b.quiet(http.StatusServiceUnavailable) // before the page was told
	for _, page := range []string{"quick/accounts", "quick/positions", "quick/balances", "quick/settlements", "quick/settlements/one", "quick/transfers", "quick/faults",
		"quick/events", "pending/settlements", "pending/clock"} {
		b.visit("instances/" + page)
		b.sees("and answers once it runs.")
		if page == "quick/events" || page == "pending/clock" { // which look again each second
			passed := evaluate[float64](b, `performance.now()`) + 1200
			b.until(fmt.Sprintf(`performance.now() > %f`, passed))
		}
	}
	b.quiet()
	b.visit("instances/quick/clock")
	b.sees("It is drained")
	if _, err := p.live.Start(t.Context(), "quick", true); err != nil {
		t.Fatal(err)
	}
	b.sees("Work is due next")

	// The tail of events goes on where it was.
	b.visit("instances/quick/events")
	p.deposit("before")
	b.sees("before")
	if _, err := p.live.Drain(t.Context(), "quick", 0, true); err != nil {
		t.Fatal(err)
	}
	b.sees("It is drained")
	if _, err := p.live.Start(t.Context(), "quick", true); err != nil {
		t.Fatal(err)
	}
	p.deposit("after")
	b.sees("after")
	b.until(`new Set([...document.querySelectorAll("td:first-child")].map((e) => e.innerText)).size === document.querySelectorAll("tbody tr").length`)
	b.quiet(http.StatusServiceUnavailable)
}
