//go:build integration

package console_test

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// axe finds what people who don't see, or don't point, cannot use: axe-core 4.14.1,
// MPL-2.0, see testdata/axe.LICENSE.
//
//go:embed testdata/axe.min.js
var axe string

// patience bounds every wait, generously: the machine may be busy.
const patience = 30 * time.Second

// browser is one tab of a real browser. Whatever it reports as an error fails the
// test, but for the refusals that the test asks for.
type browser struct {
	t   *testing.T
	ctx context.Context
	url string
	dir string

	mu   sync.Mutex
	said []string
}

// findBrowser returns the program, by the names that systems' packages give it.
func findBrowser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("no Chromium is installed; make services installs it")
	return ""
}

// open starts a browser with an empty tab.
func open(t *testing.T, url string) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(findBrowser(t)), chromedp.WindowSize(1300, 900))
	if os.Getuid() == 0 { // its sandbox is not for root, and the pages are our own
		options = append(options, chromedp.NoSandbox)
	}
	allocated, endAllocated := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, end := chromedp.NewContext(allocated)
	b := &browser{t: t, ctx: ctx, url: url, dir: t.ArtifactDir()}
	messages := chromedp.Console(ctx) // which starts the browser
	var heard sync.WaitGroup
	heard.Go(func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			b.hear(m)
		}
	})
	t.Cleanup(func() {
		ending, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if err := chromedp.Cancel(ending); err != nil {
			t.Errorf("ending the browser: %v", err)
		}
		end()
		endAllocated()
		heard.Wait()
	})
	return b
}

// hear notes what the browser reports as an error.
func (b *browser) hear(m chromedp.ConsoleMessage) {
	if m.Type == chromedp.ConsoleError || m.Type == chromedp.ConsoleWarning || m.IsException() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.said = append(b.said, m.Text+" "+m.URL)
	}
}

// quiet fails the test if the browser reported an error since the last call, but for
// answers of the expected statuses.
func (b *browser) quiet(expected ...int) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, text := range b.said {
		known := false
		for _, status := range expected {
			known = known || strings.Contains(text, fmt.Sprintf("status of %d", status))
		}
		if !known {
			b.t.Errorf("the browser reports: %s", text)
		}
	}
	b.said = nil
}

// do lets the browser do something, within patience.
func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.fail(err)
	}
}

// evaluate returns the value of an expression.
func evaluate[T any](b *browser, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.fail(fmt.Errorf("%s: %w", expression, err))
	}
	return value
}

// fail ends the test with what the page shows.
func (b *browser) fail(err error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
	b.shot("failure")
	b.t.Fatalf("%v; the page shows:\n%s", err, text)
}

// visit goes to a page of the console.
func (b *browser) visit(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.url + "/#/" + path))
}

// reload loads the page anew.
func (b *browser) reload() {
	b.t.Helper()
	b.do(chromedp.Reload())
}

// until waits until an expression holds. The library's own way of waiting makes
// functions of text, which the console's policy does not allow.
func (b *browser) until(expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for {
		// While another page is loaded there is nothing to look at.
		held, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		if err == nil && held {
			return
		}
		select {
		case <-ctx.Done():
			b.fail(fmt.Errorf("not within %s: %s (%w)", patience, expression, errors.Join(err, ctx.Err())))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// sees waits until the page shows all of these.
func (b *browser) sees(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		b.until(fmt.Sprintf("document.body.innerText.includes(%q)", text))
	}
}

// clicks presses the button, or follows the link, whose text begins so; in a dialog,
// if one is open.
func (b *browser) clicks(text string) {
	b.t.Helper()
	within := evaluate[string](b, `document.querySelector("dialog[open]") ? "//dialog" : "//body"`)
	b.do(chromedp.Click(chromedp.Search(fmt.Sprintf(`%s//*[self::button or self::a or self::summary][starts-with(normalize-space(), %q)]`, within, text)), chromedp.NodeVisible))
}

// opens presses a button that opens a dialog.
func (b *browser) opens(text string) {
	b.t.Helper()
	b.closed()
	b.clicks(text)
	b.until(`document.querySelector("dialog").open`)
}

// closed waits until no dialog is open.
func (b *browser) closed() {
	b.t.Helper()
	b.until(`!document.querySelector("dialog").open`)
}

// types puts text into the field of a name, in place of what it holds, once there is
// one.
func (b *browser) types(name, text string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`(() => {
		const fields = [...document.querySelectorAll(%q)], field = fields.find((f) => f.closest("dialog[open]")) ?? fields[0];
		field?.focus();
		field?.select();
		return field;
	})()`, fmt.Sprintf("[name=%q]", name)))
	b.do(chromedp.KeyEvent(text))
}

// chooses selects an option of the field of a name, once there is one.
func (b *browser) chooses(name, value string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`(() => {
		const field = document.querySelector(%q);
		if (!field) return false;
		field.value = %q;
		return field.dispatchEvent(new Event("change", {bubbles: true}));
	})()`, fmt.Sprintf("[name=%q]", name), value))
}

// presses presses a key.
func (b *browser) presses(key string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(key))
}

// shot keeps a picture of the page.
func (b *browser) shot(name string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Errorf("picture of %s: %v", name, err)
		return
	}
	if err := os.WriteFile(filepath.Join(b.dir, name+".png"), png, 0o600); err != nil {
		b.t.Error(err)
	}
}

// looks keeps a picture of a page, and checks that everybody can use it.
func (b *browser) looks(name string) {
	b.t.Helper()
	b.shot(name)
	evaluate[int](b, axe+";0")
	violations := evaluate[[]string](b, `axe.run(document, {resultTypes: ["violations"]}).then((r) => r.violations.map(
		(v) => v.id + " (" + v.impact + "): " + v.help + ": " + v.nodes.map((n) => n.html).slice(0, 3).join(" | ")))`)
	for _, v := range violations {
		b.t.Errorf("%s: %s", name, v)
	}
}

// dark has the browser ask for dark pages, or for light ones.
func (b *browser) dark(on bool) {
	b.t.Helper()
	scheme := map[bool]string{true: "dark", false: "light"}[on]
	b.do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	}))
}

// narrow has the browser take the size of a telephone.
func (b *browser) narrow() {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(390, 844))
}

// fits waits until nothing is wider than the screen: what scrolls does so in a frame of
// its own.
func (b *browser) fits() {
	b.t.Helper()
	b.until(`document.documentElement.scrollWidth <= innerWidth`)
}

// looksAway has the page believe that another tab is looked at, or that it is again.
func (b *browser) looksAway(away bool) {
	b.t.Helper()
	evaluate[bool](b, fmt.Sprintf(`(() => {
		Object.defineProperty(document, "hidden", {get: () => %t, configurable: true});
		return document.dispatchEvent(new Event("visibilitychange"));
	})()`, away))
}

// Keys.
const tab, escape, enter = kb.Tab, kb.Escape, kb.Enter
