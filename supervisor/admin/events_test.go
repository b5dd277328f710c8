package admin_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/client"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
)

func TestEventsCanBeReadPageByPage(t *testing.T) {
	t.Parallel()
	double := newDouble("one")
	c := dial(t, serve(t, options(double)), "")
	page, err := c.Events(t.Context(), 0, "")
	if err != nil || page.Events == nil || len(page.Events) != 0 || page.LastID != 0 {
		t.Errorf("nothing happened, but got %+v, %v", page, err)
	}
	double.happen("one", "starting")
	double.happen("two", "starting")
	double.happen("one", "running")
	for _, test := range []struct {
		after    uint64
		instance string
		want     []uint64
	}{{0, "", []uint64{1, 2, 3}}, {1, "", []uint64{2, 3}}, {0, "one", []uint64{1, 3}}, {3, "", nil}, {0, "three", nil}} {
		page, err := c.Events(t.Context(), test.after, test.instance)
		var ids []uint64
		for _, event := range page.Events {
			ids = append(ids, event.ID)
		}
		if err != nil || !slices.Equal(ids, test.want) || page.LastID != 3 {
			t.Errorf("after %d of %q: %+v, %v", test.after, test.instance, page, err)
		}
	}
}

func TestStreamIsWhatBrowsersExpect(t *testing.T) {
	t.Parallel()
	double := newDouble("one")
	double.happen("one", "starting")
	double.happen("two", "starting")
	url := serve(t, options(double))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/admin/v1/events?after=0&instance=one", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("Content-Type %q", resp.Header.Get("Content-Type"))
	}
	lines := bufio.NewReader(resp.Body)
	expect := func(want ...string) {
		t.Helper()
		for _, w := range want {
			if line, err := lines.ReadString('\n'); err != nil || line != w+"\n" {
				t.Fatalf("got %q, %v, want %q", line, err, w)
			}
		}
	}
	event := func(id, state string) []string {
		return []string{"id: " + id, "event: " + state, `data: {"id":` + id + `,"time":"1970-01-01T00:00:01Z","instance":"one","state":"` + state + `"}`, ""}
	}
	expect("retry: 2000", "")
	expect(event("1", "starting")...)
	double.happen("two", "running")
	double.happen("one", "running")
	expect(event("4", "running")...)
}

func TestStreamThatBreaksOffGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	double := newDouble("one")
	double.happen("one", "pending")
	double.happen("one", "starting")
	// The first connections are cut in the middle; Last-Event-ID has to do.
	api := admin.New(options(double))
	cuts := 2
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if cuts--; cuts < 0 {
			api.ServeHTTP(w, r)
			return
		}
		ctx, cancel := context.WithCancel(r.Context())
		api.ServeHTTP(&cuttingWriter{ResponseWriter: w, cut: cancel}, r.WithContext(ctx))
	}))
	t.Cleanup(server.Close)
	enough := errors.New("enough")
	var seen []uint64
	err := dial(t, server.URL, "").Follow(t.Context(), 1, "", func(e wire.Event) error {
		seen = append(seen, e.ID)
		if len(seen) == 4 {
			return enough
		}
		double.happen("one", "running")
		return nil
	})
	if !errors.Is(err, enough) || !slices.Equal(seen, []uint64{2, 3, 4, 5}) || cuts >= 0 {
		t.Errorf("seen %v, cuts left %d, %v", seen, cuts, err)
	}
}

// cuttingWriter ends the request with its first event.
type cuttingWriter struct {
	http.ResponseWriter
	cut func()
}

func (w *cuttingWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	if strings.Contains(string(p), "data: ") {
		w.cut()
	}
	return n, err
}

func (w *cuttingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func TestFollowEndsWithItsContextOrAServerThatIsNotThere(t *testing.T) {
	t.Parallel()
	double := newDouble("one")
	double.happen("one", "running")
	server := httptest.NewServer(admin.New(options(double)))
	c := dial(t, server.URL, "")
	ctx, cancel := context.WithCancel(t.Context())
	err := c.Follow(ctx, 0, "one", func(wire.Event) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	server.Close()
	err = c.Follow(t.Context(), 0, "", func(wire.Event) error { return nil })
	if e, ok := errors.AsType[*client.UnreachableError](err); !ok || !strings.Contains(e.Error(), "is the supervisor running there?") {
		t.Errorf("got %v", err)
	}
}

func TestStreamsEndWithTheServer(t *testing.T) {
	t.Parallel()
	ctx, end := context.WithCancel(t.Context())
	o := options(newDouble("one"))
	o.Context = ctx
	url := serve(t, o)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/admin/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	end()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Error(err)
	}
}

func TestHeadOfAStreamHasNoBodyThatCouldGoOn(t *testing.T) {
	t.Parallel()
	got := ask(t, admin.New(options(newDouble())), http.MethodHead, "/admin/v1/events", "", "Accept", "text/event-stream")
	if got.status != 200 {
		t.Errorf("got %d", got.status)
	}
}
