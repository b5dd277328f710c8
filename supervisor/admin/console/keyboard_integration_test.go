//go:build integration

package console_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor"
)

const space, down = " ", kb.ArrowDown

// focused is what the element that has the focus is called: a field by its name, a row
// by what it begins with, and anything else by its label or by what it says.
const focused = `(() => {
	const e = document.activeElement;
	if (e === document.body || e.id === "main") return e.tagName;
	return e.name || (e.ariaLabel ?? (e.cells?.[0] ?? e).innerText.trim().replace(/\s+/g, " "));
})()`

// shown is whether who looks at the page sees where the focus is.
const shown = `(() => {
	const e = document.activeElement, style = getComputedStyle(e), box = e.getBoundingClientRect();
	return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 && box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
})()`

// tabs presses Tab until the focus is on what is called so, and sees that it shows.
func (b *browser) tabs(name string) {
	b.t.Helper()
	for range 80 {
		b.presses(tab)
		if evaluate[bool](b, fmt.Sprintf(`%s.startsWith(%q)`, focused, name)) {
			if !evaluate[bool](b, shown) {
				b.t.Errorf("nobody sees that %s has the focus", name)
			}
			return
		}
	}
	b.fail(fmt.Errorf("no Tab leads to %s", name))
}

// tabsBack presses Tab with Shift.
func (b *browser) tabsBack() {
	b.t.Helper()
	b.do(chromedp.KeyEvent(tab, chromedp.KeyModifiers(chromedp.ModifierShift)))
}

// keyed goes to what is called so, and presses Enter.
func (b *browser) keyed(name string) {
	b.t.Helper()
	b.tabs(name)
	b.presses(enter)
}

// writes goes to a field by its name, and types.
func (b *browser) writes(field, text string) {
	b.t.Helper()
	b.tabs(field)
	b.presses(text)
}

// rewrites types in place of what the field holds that has the focus: who comes to a
// field by Tab has selected all of it.
func (b *browser) rewrites(text string) {
	b.t.Helper()
	b.presses(tab)
	b.tabsBack()
	b.presses(text)
}

// lands waits until the focus is on one of these.
func (b *browser) lands(names ...string) {
	b.t.Helper()
	condition := "false"
	for _, name := range names {
		condition += fmt.Sprintf(` || %s.startsWith(%q)`, focused, name)
	}
	b.until(condition)
	if !evaluate[bool](b, shown) {
		b.t.Errorf("nobody sees that %s has the focus", names)
	}
}

// asked waits for a dialog, and answers it with its own action.
func (b *browser) asked(action string) {
	b.t.Helper()
	b.until(`document.querySelector("dialog").open`)
	b.keyed(action)
	b.closed()
}

// Every flow is played with keys alone. Where what had the focus goes away, the focus is
// then where it was, and on nothing that does something else when Enter is pressed again.
func TestTheConsoleIsUsedWithKeysAlone(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	p.trade("1")
	for _, id := range []string{"wire-1", "wire-2"} {
		p.posts("bank", "/api/v1/transfers", fmt.Sprintf(`{"rail":"wire_domestic","direction":"OUT","account_id":"fund","symbol":"USD","quantity":"25000.00","requested_by":"alice",
			"external_id":%q,"beneficiary":{"name":"Broker Ltd","account":"12345678","bank":"CHASUS33"}}`, id), "")
	}
	b := open(t, p.url)
	b.visit("")
	b.sees("bank", "live")
	b.playsTheLifeOfAnInstance()
	b.playsTheBooks()
	b.playsFaultsAndClock()
}

func (b *browser) playsTheLifeOfAnInstance() {
	b.t.Helper()
	b.keyed("Add an instance")
	b.lands("MAIN")
	b.writes("name", "bank")
	b.tabs("profile")
	b.presses(down)
	if profile := evaluate[string](b, `document.activeElement.value`); profile == "" {
		b.t.Error("the arrows choose no profile")
	}
	b.keyed("Add and start")
	b.sees("exists already")
	b.lands("name", "instance")
	for evaluate[string](b, focused) != "name" {
		b.presses(tab)
	}
	b.rewrites("third")
	b.writes("http_port", strconv.Itoa(freePort(b.t)))
	b.tabsBack()
	b.lands("seed")
	b.writes("grpc_port", strconv.Itoa(freePort(b.t)))
	b.presses(enter)
	b.sees("third runs", "Overview")
	b.lands("MAIN")
	b.quiet(http.StatusConflict)

	state := func(state string) {
		b.t.Helper()
		b.until(fmt.Sprintf(`document.querySelector("h1 .badge")?.innerText === %q`, state))
	}
	state("running")
	b.keyed("Pause")
	state("paused")
	b.lands("Actions")
	b.presses(enter)
	b.tabs("Resume")
	b.presses(space)
	state("running")
	b.lands("Actions")
	b.keyed("Restart")
	b.asked("Restart")
	b.sees("Restarting third")
	state("running")
	b.lands("Restart", "Actions") // which are none for as long as it drains
	b.keyed("Clone")
	b.until(`document.querySelector("dialog").open`)
	b.presses(escape)
	b.closed()
	b.lands("Clone")
	b.presses(enter)
	b.until(`document.querySelector("dialog").open`)
	b.presses("bank") // the first field has the focus
	b.writes("http_port", strconv.Itoa(freePort(b.t)))
	b.writes("grpc_port", strconv.Itoa(freePort(b.t)))
	b.keyed("Clone")
	b.sees("exists already")
	b.lands("name", "instance")
	for evaluate[string](b, focused) != "name" {
		b.presses(tab)
	}
	b.rewrites("fourth")
	b.asked("Clone")
	b.sees("fourth is a copy of third")
	b.lands("Clone")
	b.keyed("Drain")
	b.asked("Drain")
	state("drained")
	b.lands("Actions")
	b.keyed("Start")
	state("running")
	b.lands("Actions")
	b.keyed("Reset")
	b.asked("Reset")
	b.sees("third is back at its opening")
	state("running")
	b.lands("Reset", "Actions")
	b.keyed("Remove")
	b.until(`document.querySelector("dialog").open`)
	b.tabs("purge")
	b.presses(space)
	b.asked("Remove")
	b.until(`location.hash === "#/" && ![...document.querySelectorAll("tbody a")].some((a) => a.innerText === "third")`)
	b.lands("MAIN")
	b.quiet(http.StatusConflict)
}

func (b *browser) playsTheBooks() {
	b.t.Helper()
	b.keyed("bank")
	b.sees("Where and what")
	b.keyed("Accounts")
	b.sees("client-1")
	b.lands("Accounts")
	b.keyed("Freeze fund")
	b.sees("FROZEN")
	b.lands("fund")
	b.presses(enter) // on the row
	b.keyed("Unfreeze fund")
	b.until(`!document.querySelector("main").innerText.includes("FROZEN")`)
	b.lands("fund")

	b.keyed("Transfers")
	b.sees("wire-2")
	for n, by := range []string{"bob", "carol"} {
		b.keyed("Approve wire-1")
		b.until(`document.querySelector("dialog").open`)
		b.presses(by)
		b.asked("Approve")
		b.until(fmt.Sprintf(`[...document.querySelectorAll("tr")].some((r) => r.innerText.includes("wire-1") && r.innerText.includes("%d of 2"))`, n+1))
	}
	b.lands("wire-1") // and not on what approves the other
	b.presses(enter)

	b.keyed("Settlements")
	b.sees("sell-1")
	b.writes("external_id", "buy-1")
	b.presses(enter)
	b.until(`document.querySelectorAll("tbody tr").length === 1`)
	b.lands("external_id")
	b.tabs("status")
	b.presses("C") // as far as a letter leads
	b.sees("There is no settlement like that.")
	b.presses(kb.Home)
	b.until(`document.querySelectorAll("tbody tr").length === 1`)
	b.keyed("buy-1")
	b.sees("What happened")
	b.lands("MAIN")
	b.keyed("All settlements")
	b.sees("sell-1")
	b.lands("MAIN")
	b.quiet()
}

func (b *browser) playsFaultsAndClock() {
	b.t.Helper()
	b.keyed("Faults")
	b.sees("Nothing goes wrong on purpose.")
	b.keyed("Take the custodian away")
	b.until(`document.querySelector("dialog").open`)
	b.writes("error_message", "maintenance")
	b.asked("Switch on")
	b.sees("maintenance")
	b.lands("Take the custodian away")
	b.keyed("Delay settlements")
	b.until(`document.querySelector("dialog").open`)
	b.presses("0")
	b.keyed("Switch on")
	b.lands("delay_hours") // which is wrong
	b.rewrites("2")
	b.asked("Switch on")
	b.until(`document.querySelectorAll("tbody tr").length === 2`)
	b.lands("Delay settlements")
	b.tabs("Clear all")
	b.keyed("Clear ")
	b.until(`document.querySelectorAll("tbody tr").length === 1`)
	b.lands("Active rules") // and not on what clears the other
	b.presses(enter)
	b.quiet(http.StatusUnprocessableEntity, http.StatusBadRequest)
	for evaluate[string](b, focused) != "Clear all" {
		b.tabsBack()
	}
	b.presses(enter)
	b.sees("Nothing goes wrong on purpose.")
	b.lands("Active rules")

	for evaluate[string](b, focused) != "Clock" {
		b.tabsBack()
	}
	b.presses(enter)
	b.sees("manual")
	b.writes("by", "25h")
	b.keyed("Advance")
	b.sees("events happened on the way")
	b.lands("Advance")
	b.tabs("mode")
	b.presses("s")
	b.writes("factor", "0")
	b.keyed("Set the clock")
	b.lands("factor")
	b.quiet(http.StatusUnprocessableEntity)
}

// Whoever has the focus in a row is in the same row when others come before it, and on
// no button when the one goes away that it was on.
func TestTheFocusStaysWithItsRow(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	b := open(t, p.url)
	b.visit("")
	b.sees("bank", "quick", "live")
	b.tabs("Drain quick")
	p.adds("ahead", "")
	p.adds("behind", "")
	b.until(`document.querySelectorAll("tbody tr").length === 4`)
	b.lands("Drain quick")
	b.presses(enter)
	b.sees("Drain quick?")
	b.asked("Drain")
	b.until(`document.querySelector("tbody").innerText.includes("drained")`)
	b.lands("quick")
	b.presses(enter)
	b.keyed("quick")
	b.sees("Where and what")
	b.visit("")
	b.sees("behind")
	b.tabs("Drain behind")
	if _, err := p.live.Remove(t.Context(), "behind", supervisor.RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	b.until(`document.querySelectorAll("tbody tr").length === 3`)
	b.lands("Instances")
	b.quiet()
}
