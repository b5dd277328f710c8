//go:build integration

package console_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

var takePictures = flag.Bool("pictures", false, "take the pictures that the documentation shows anew")

// words are those on a page that are the console's own: its navigation, headings,
// columns, names of values, labels and buttons, each once.
const words = `[...new Set([...document.querySelectorAll("header a, h1, h2, h3, nav a, .tiles li, label > span, th, dt, button")].map((e) => {
	const figures = e.matches(".tiles li"); // whose text stands beside them
	const text = figures ? [...e.childNodes].filter((n) => n.nodeType === Node.TEXT_NODE).map((n) => n.data).join("") : e.innerText;
	return text.trim().replace(/\s+/g, " ");
}).filter((text) => text))].join("\n") + "\n"`

// The documentation shows three pages of the console. Each picture is kept with the
// words that were on the page when it was taken, and these are compared: who adds a
// column, a tab or a link takes the pictures anew, with make pictures.
func TestThePicturesOfTheDocumentationShowTheConsoleAsItIs(t *testing.T) {
	t.Parallel()
	c, err := config.Load(config.Options{Files: []string{"../../../configs/custodians.yaml"}})
	if err != nil {
		t.Fatal(err)
	}
	c.DataDir, c.Storage.Driver = t.TempDir(), config.StorageMemory
	c.Admin.Listen = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	for n := range c.Instances {
		c.Instances[n].Webhooks = config.Webhooks{}
		if !*takePictures { // which show the ports that the file has
			c.Instances[n].HTTPPort, c.Instances[n].GRPCPort = freePort(t), freePort(t)
		}
	}
	p := startWith(t, c)
	p.busy()
	b := open(t, p.url)
	b.do(chromedp.EmulateViewport(1180, 500))
	b.visit("")
	shown := 5 // points of a sparkline
	if *takePictures {
		shown = 60
	}
	b.until(`document.querySelectorAll("tbody tr").length === 4`)
	for points := 5; points <= shown; points += 11 {
		b.until(fmt.Sprintf(`document.querySelector("svg.spark polyline")?.getAttribute("points").split(" ").length >= %d`, points))
	}
	// A rate takes two looks: until then there is none, and not nothing a second.
	b.until(`document.querySelectorAll("svg.spark polyline")[2].getAttribute("points").trim().split(" ").length > 3`)
	if points := evaluate[string](b, `document.querySelectorAll("svg.spark polyline")[2].getAttribute("points")`); strings.Contains(points, ",19.00") {
		t.Errorf("the rate of a custodian that is busy all the time falls to nothing: %s", points)
	}
	b.pictured("fleet")

	const body = `{"settlement_type":%q,"account_id":%q,"symbol":"AAPL","quantity":"100","payment":{"currency":"USD","amount":"19000.00"},"counterparty_account":%q,"external_id":%q}`
	const bank = "global-custody-bank"
	id := p.posts(bank, "/api/v1/settlements", fmt.Sprintf(body, "DVP", "pension-trust", "macro-fund", "sell-1"), "settlement_id")
	p.posts(bank, "/api/v1/settlements", fmt.Sprintf(body, "RVP", "macro-fund", "pension-trust", "buy-1"), "")
	p.posts(bank, "/clock/advance", `{"by":"24h"}`, "")
	b.visit("instances/" + bank + "/settlements/" + id)
	b.until(`document.querySelectorAll("ol.history table").length === 2`)
	b.pictured("settlement")

	b.dark(true)
	b.visit("instances/instant-custodian")
	b.sees("Where and what", "Requests a second")
	b.until(`Number(document.querySelector(".tiles b")?.innerText) > 0`) // a rate takes two looks
	b.pictured("instance")
	b.quiet()
}

// pictured compares a page with the words that were on it when its picture was taken,
// or takes both anew.
func (b *browser) pictured(name string) {
	b.t.Helper()
	file := filepath.Join("../../../testdata/screenshots", name)
	on := []byte(evaluate[string](b, words))
	if *takePictures {
		b.shot(name)
		picture, err := os.ReadFile(filepath.Join(b.dir, name+".png"))
		for _, kept := range []struct {
			name    string
			content []byte
		}{{file + ".png", picture}, {file + ".txt", on}} {
			if err == nil {
				err = os.WriteFile(kept.name, kept.content, 0o644)
			}
		}
		if err != nil {
			b.t.Fatal(err)
		}
		return
	}
	kept, err := os.ReadFile(file + ".txt")
	if err != nil {
		b.t.Fatal(err)
	}
	if !bytes.Equal(kept, on) {
		b.t.Errorf("the picture %s.png is not what the page shows: run make pictures; it was\n%s\nand is\n%s", file, kept, on)
	}
}

// busy has requests sent to some custodians until the test ends, faster and slower.
func (p *place) busy() {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var senders sync.WaitGroup
	for _, sender := range []struct {
		instance, account string
		every             time.Duration
	}{{"instant-custodian", "test-account", 30 * time.Millisecond}, {"prime-brokerage", "quant-fund", 150 * time.Millisecond}, {"alpine-crypto-custody", "matterhorn-fund", 90 * time.Millisecond}} {
		status, err := p.live.Get(sender.instance)
		if err != nil {
			p.t.Fatal(err)
		}
		address := "http://" + status.HTTPAddr
		senders.Go(func() {
			for n := 0; ; n++ {
				burst := n / 20
				select {
				case <-ctx.Done():
					return
				case <-time.After(sender.every * time.Duration(6+burst*burst*3%7) / 8):
				}
				if err := deposit(ctx, address+"/api/v1/settlements", sender.account); err != nil && ctx.Err() == nil {
					p.t.Errorf("%s: %v", sender.instance, err)
					return
				}
			}
		})
	}
	p.t.Cleanup(func() {
		cancel()
		senders.Wait()
	})
}

func deposit(ctx context.Context, url, account string) error {
	body := fmt.Sprintf(`{"settlement_type":"DEPOSIT","account_id":%q,"symbol":"USD","quantity":"1.50"}`, account)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("the answer is %s", resp.Status)
	}
	return nil
}
