package supervisor

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// askFace sends a request to an instance without its port.
func (h *harness) askFace(name, method, path, body string) (status int, text string) {
	h.t.Helper()
	face, err := h.Face(name)
	if err != nil {
		h.t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(h.ctx, method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Host = "what.the.admin.port.is.called"
	w := httptest.NewRecorder()
	face.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// Who was let in by the process needs no key of the instance, and everybody else does
// as before.
func TestAnInstanceAnswersTheProcessWithoutAKey(t *testing.T) {
	t.Parallel()
	h := launch(t, options{config: testConfig(t)})
	one := h.add("one", keyField("k-1"))
	h.want(http.StatusUnauthorized, http.MethodGet, one.HTTPAddr, "/api/v1/settlements", "")
	if status, text := h.askFace("one", http.MethodPost, "/api/v1/settlements", depositBody("d-1")); status != http.StatusCreated {
		t.Fatalf("%d %s", status, text)
	}
	if status, text := h.askFace("one", http.MethodGet, "/api/v1/settlements", ""); status != http.StatusOK || !strings.Contains(text, `"d-1"`) {
		t.Errorf("%d %s", status, text)
	}
	h.want(http.StatusUnauthorized, http.MethodGet, one.HTTPAddr, "/api/v1/settlements", "")

	if _, err := h.Pause(h.ctx, "one"); err != nil {
		t.Fatal(err)
	}
	if status, text := h.askFace("one", http.MethodPost, "/api/v1/settlements", depositBody("d-2")); status != http.StatusServiceUnavailable || !strings.Contains(text, "paused") {
		t.Errorf("%d %s", status, text)
	}
	h.must(h.Drain(h.ctx, "one", 0, true))
	_, err := h.Face("one")
	wantKind(t, err, KindUnavailable, "drained")
	_, err = h.Face("two")
	wantKind(t, err, KindNotFound, "two")
}

// The metrics of an instance are of its callers. What looks at it without its port, as
// the console does each second, is none of them.
func TestRequestsOfTheProcessAreNotInTheMetricsOfAnInstance(t *testing.T) {
	t.Parallel()
	h := launch(t, options{config: testConfig(t)})
	one := h.add("one")
	for range 3 {
		if status, text := h.askFace("one", http.MethodGet, "/api/v1/settlements", ""); status != http.StatusOK {
			t.Fatalf("%d %s", status, text)
		}
	}
	h.deposit(one.HTTPAddr, "d-1")
	requests := func() uint64 { return h.Live()[0].Vitals.Requests }
	h.until("the caller's request is counted", func() bool { return requests() > 0 })
	if n := requests(); n != 1 {
		t.Errorf("%d requests are counted, want that of the caller", n)
	}
}

func TestVitalsAreThoseOfWhatServes(t *testing.T) {
	t.Parallel()
	h := launch(t, options{config: testConfig(t)})
	one := h.add("one")
	h.add("two")
	for _, id := range []string{"d-1", "d-2", "d-3"} {
		h.deposit(one.HTTPAddr, id)
	}
	of := func(name string) (found Live) {
		for _, l := range h.Live() {
			if l.Name == name {
				found = l
			}
		}
		return found
	}
	h.until("the requests are counted", func() bool { return of("one").Vitals.Requests == 3 }) // each when its answer has gone
	if two := of("two"); two.Vitals.Requests != 0 || two.State != StateRunning {
		t.Errorf("the one that did nothing: %+v", two)
	}
	h.must(h.Drain(h.ctx, "one", 0, true))
	if l := of("one"); l.Vitals.Requests != 0 || l.State != StateDrained {
		t.Errorf("after the drain: %+v", l)
	}
}

// A drain waits for requests that came through the process, as for others.
func TestADrainWaitsForRequestsOfTheProcess(t *testing.T) {
	t.Parallel()
	h := launch(t, options{config: testConfig(t)})
	h.add("one")
	face, err := h.Face("one")
	if err != nil {
		t.Fatal(err)
	}
	body, more := io.Pipe()
	r := httptest.NewRequestWithContext(h.ctx, http.MethodPost, "/api/v1/settlements", body)
	r.Header.Set("Content-Type", "application/json")
	answered := make(chan int, 1)
	go func() {
		w := httptest.NewRecorder()
		face.ServeHTTP(w, r)
		answered <- w.Code
	}()
	half := depositBody("d-1")
	if _, err := io.WriteString(more, half[:10]); err != nil {
		t.Fatal(err)
	}
	h.must(h.Drain(h.ctx, "one", 0, false))
	h.until("the drain waits", func() bool {
		s := h.must(h.Get("one"))
		return s.State == StateDraining && s.Drain != nil && s.Drain.InFlight == 1
	})
	if _, err := io.WriteString(more, half[10:]); err != nil {
		t.Fatal(err)
	}
	if err := more.Close(); err != nil {
		t.Fatal(err)
	}
	if status := <-answered; status != http.StatusCreated {
		t.Errorf("the request that was under way got %d", status)
	}
	h.awaitState("one", StateDrained)
}
