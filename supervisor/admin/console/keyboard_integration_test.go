//go:build integration

package console_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
)

const space = " "

// focused is what the element that has the focus is called.
const focused = `(() => {
	const e = document.activeElement;
	return e.name || e.innerText.trim().replace(/\s+/g, " ") || e.getAttribute("aria-label") || e.id || e.tagName;
})()`

// tabsTo presses Tab until the focus is on what is called so, and sees that it shows.
func (b *browser) tabsTo(name string) {
	b.t.Helper()
	for range 80 {
		b.presses(tab)
		if evaluate[bool](b, fmt.Sprintf(`%s.startsWith(%q)`, focused, name)) {
			if evaluate[bool](b, `getComputedStyle(document.activeElement).outlineStyle === "none"`) {
				b.t.Errorf("nobody sees that %s has the focus", name)
			}
			return
		}
	}
	b.fail(fmt.Errorf("no Tab leads to %s", name))
}

// keyed goes to what is called so, and presses Enter.
func (b *browser) keyed(name string) {
	b.t.Helper()
	b.tabsTo(name)
	b.presses(enter)
}

// writes goes to a field by its name, and types.
func (b *browser) writes(field, text string) {
	b.t.Helper()
	b.tabsTo(field)
	b.presses(text)
}

// keepsFocus waits until something other than the page as a whole has the focus.
func (b *browser) keepsFocus(after string) {
	b.t.Helper()
	b.until(`document.activeElement !== document.body`)
	b.t.Logf("after %s the focus is on %s", after, evaluate[string](b, focused))
}

// asked waits for a dialog, and answers it with its own action.
func (b *browser) asked(action string) {
	b.t.Helper()
	b.until(`document.querySelector("dialog").open`)
	b.keyed(action)
	b.closed()
	b.keepsFocus(action)
}

func TestAnInstanceIsTakenThroughItsLifeByKeys(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	b := open(t, p.url)
	b.visit("")
	b.sees("bank", "live")
	b.keyed("Add an instance")
	b.sees("Add and start")
	b.writes("name", "third")
	b.writes("http_port", strconv.Itoa(freePort(t)))
	b.writes("grpc_port", strconv.Itoa(freePort(t)))
	b.keyed("Add and start")
	b.sees("third runs", "Overview")

	state := func(state string) {
		t.Helper()
		b.until(fmt.Sprintf(`document.querySelector("h1 .badge")?.innerText === %q`, state))
	}
	state("running")
	b.keyed("Pause")
	state("paused")
	b.keepsFocus("Pause")
	b.keyed("Resume")
	state("running")
	b.keyed("Restart")
	b.asked("Restart")
	state("running")
	b.keyed("Clone")
	b.until(`document.querySelector("dialog").open`)
	b.presses("bank") // the first field has the focus
	b.presses(enter)
	b.sees("exists already")
	b.until(`document.activeElement.name === "name"`)
	b.presses(escape)
	b.closed()
	b.until(focused + `=== "Clone"`)
	b.keyed("Drain")
	b.asked("Drain")
	state("drained")
	b.keyed("Start")
	state("running")
	b.keyed("Reset")
	b.asked("Reset")
	b.sees("third is back at its opening")
	state("running")
	b.keyed("Remove")
	b.until(`document.querySelector("dialog").open`)
	b.tabsTo("purge")
	b.presses(space)
	b.asked("Remove")
	b.until(`location.hash === "#/" && ![...document.querySelectorAll("tbody a")].some((a) => a.innerText === "third")`)
	b.keepsFocus("Remove")
	b.quiet(http.StatusConflict)
}

func TestTheBooksAreWorkedOnByKeys(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	p.trade("1")
	p.posts("bank", "/api/v1/transfers", `{"rail":"wire_domestic","direction":"OUT","account_id":"fund","symbol":"USD","quantity":"25000.00","requested_by":"alice",
		"external_id":"wire-1","beneficiary":{"name":"Broker Ltd","account":"12345678","bank":"CHASUS33"}}`, "")
	b := open(t, p.url)
	b.visit("instances/bank/transfers")
	b.sees("AWAITING_APPROVAL")
	b.keyed("Approve")
	b.until(`document.querySelector("dialog").open`)
	b.presses("bob")
	b.asked("Approve")
	b.sees("1 of 2")

	b.keyed("Faults")
	b.sees("Nothing goes wrong on purpose.")
	b.keyed("Take the custodian away")
	b.until(`document.querySelector("dialog").open`)
	b.writes("error_message", "maintenance")
	b.asked("Switch on")
	b.sees("maintenance")
	b.keyed("Clear all")
	b.sees("Nothing goes wrong on purpose.")
	b.keepsFocus("Clear all")

	b.keyed("Clock")
	b.sees("manual")
	b.writes("by", "25h")
	b.keyed("Advance")
	b.sees("events happened on the way")

	b.keyed("Settlements")
	b.sees("sell-1")
	b.writes("external_id", "buy-1")
	b.presses(enter)
	b.until(`document.querySelectorAll("tbody tr").length === 1`)
	b.tabsTo("status")
	b.presses("C") // as far as a letter leads
	b.until(`document.activeElement.value.startsWith("C")`)
	b.keyed("Filter")
	b.keyed("buy-1")
	b.sees("What happened")
	b.quiet()
}

// Whoever has the focus in a row is in the same row when others come before it.
func TestTheFocusStaysWithItsRow(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	b := open(t, p.url)
	b.visit("")
	b.sees("bank", "quick", "live")
	b.tabsTo("Drain quick")
	p.adds("ahead", "")
	p.adds("behind", "")
	b.until(`document.querySelectorAll("tbody tr").length === 4`)
	if name := evaluate[string](b, focused); name != "Drain quick" {
		t.Errorf("the focus is on %s", name)
	}
	b.presses(enter)
	b.sees("Drain quick?")
	b.presses(escape)
	b.closed()

	// What does not run is not asked for the time, again and again.
	b.visit("instances/quick/clock")
	b.sees("Work is due next")
	if _, err := p.live.Drain(t.Context(), "quick", 0, true); err != nil {
		t.Fatal(err)
	}
	b.sees("does not tell the time")
	b.quiet(http.StatusServiceUnavailable) // before the page was told
	passed := evaluate[float64](b, `performance.now()`) + 1500
	b.until(fmt.Sprintf(`performance.now() > %f`, passed))
	b.quiet()
	if _, err := p.live.Start(t.Context(), "quick", true); err != nil {
		t.Fatal(err)
	}
	b.sees("Work is due next")
	b.quiet()
}
