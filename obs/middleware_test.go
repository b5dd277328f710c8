package obs_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
)

// testRouter has the kinds of routes that matter for the endpoint label.
func testRouter(use ...func(http.Handler) http.Handler) *chi.Mux {
	router := chi.NewRouter()
	router.Use(use...)
	ok := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }
	router.Route("/api/v1", func(r chi.Router) {
		r.Get("/health", ok)
		r.Post("/positions", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) })
		r.Get("/positions/{position_id}", ok)
		r.Get("/silent", func(http.ResponseWriter, *http.Request) {})
		r.Get("/panics", func(http.ResponseWriter, *http.Request) { panic("deliberate") })
	})
	router.Get("/static/*", func(w http.ResponseWriter, r *http.Request) {
		if chi.URLParam(r, "*") == "missing.css" {
			http.NotFound(w, r)
		}
	})
	router.Get("/", ok)
	return router
}

// serve sends one request and swallows the handler's panic as a server would.
func serve(t testing.TB, handler http.Handler, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	rec := httptest.NewRecorder()
	func() {
		defer func() { _ = recover() }()
		handler.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), method, path, nil))
	}()
	return rec
}

func TestHTTPRequestsAreCountedByRoutePattern(t *testing.T) {
	t.Parallel()
	requests := []struct{ method, path, sample string }{
		{"GET", "/api/v1/health", `{endpoint="/api/v1/health",method="GET",status_code="200"} 1`},
		{"GET", "/api/v1/positions/42", ""},
		{"GET", "/api/v1/positions/43", `{endpoint="/api/v1/positions/{position_id}",method="GET",status_code="200"} 2`},
		{"POST", "/api/v1/positions", `{endpoint="/api/v1/positions",method="POST",status_code="201"} 1`},
		{"GET", "/api/v1/silent", `{endpoint="/api/v1/silent",method="GET",status_code="200"} 1`},
		{"GET", "/api/v1/panics", `{endpoint="/api/v1/panics",method="GET",status_code="500"} 1`},
		{"GET", "/", `{endpoint="/",method="GET",status_code="200"} 1`},
		{"GET", "/static/site.css", `{endpoint="/static/*",method="GET",status_code="200"} 1`},
		{"GET", "/static/missing.css", ""},
		{"GET", "/nowhere", ""},
		{"GET", "/api/v1/nowhere", `{endpoint="unmatched",method="GET",status_code="404"} 3`},
		{"DELETE", "/api/v1/health", `{endpoint="unmatched",method="DELETE",status_code="405"} 1`},
		{"BREW", "/nowhere", `{endpoint="unmatched",method="other",status_code="405"} 1`},
	}
	placements := map[string]func(*obs.Instance) http.Handler{
		"inside the router": func(in *obs.Instance) http.Handler { return testRouter(in.HTTPMiddleware) },
		"around the router": func(in *obs.Instance) http.Handler { return in.HTTPMiddleware(testRouter()) },
	}
	for name, place := range placements {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, instance := newInstance(t, obs.InstanceOptions{})
			handler := place(instance)
			for _, request := range requests {
				serve(t, handler, request.method, request.path)
			}
			lines := scrape(t, instance.Handler())
			for _, request := range requests {
				if request.sample != "" {
					wantSample(t, lines, "http_requests_total"+request.sample)
				}
			}
			wantSample(t, lines, `http_request_duration_seconds_count{endpoint="/api/v1/positions/{position_id}",method="GET"} 2`)
			wantSample(t, lines, `http_requests_in_flight{method="GET"} 0`)
			wantSample(t, lines, `http_requests_in_flight{method="other"} 0`)
		})
	}
}

func TestPanicsPassThroughTheMiddleware(t *testing.T) {
	t.Parallel()
	_, instance := newInstance(t, obs.InstanceOptions{})
	recovered := middleware.Recoverer(testRouter(instance.HTTPMiddleware))
	if rec := serve(t, recovered, http.MethodGet, "/api/v1/panics"); rec.Code != http.StatusInternalServerError {
		t.Errorf("status %d, want 500 from the recoverer outside", rec.Code)
	}
}

func TestRequestsInFlightAreVisibleWhileTheyRun(t *testing.T) {
	t.Parallel()
	_, instance := newInstance(t, obs.InstanceOptions{})
	entered, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	router := chi.NewRouter()
	router.Use(instance.HTTPMiddleware)
	router.Get("/slow", func(http.ResponseWriter, *http.Request) { close(entered); <-release })
	go func() {
		defer close(done)
		router.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/slow", nil))
	}()
	<-entered
	wantSample(t, scrape(t, instance.Handler()), `http_requests_in_flight{method="GET"} 1`)
	close(release)
	<-done
	wantSample(t, scrape(t, instance.Handler()), `http_requests_in_flight{method="GET"} 0`)
}

// TestStreamsKeepTheirControls sends server-sent events through the middleware
// over a real connection: flushing and deadlines must still reach it.
func TestStreamsKeepTheirControls(t *testing.T) {
	t.Parallel()
	_, instance := newInstance(t, obs.InstanceOptions{})
	router := chi.NewRouter()
	router.Use(instance.HTTPMiddleware)
	problems := make(chan error, 3)
	release := make(chan struct{})
	router.Get("/events", func(w http.ResponseWriter, _ *http.Request) {
		defer close(problems)
		if _, ok := w.(http.Flusher); !ok {
			problems <- errors.New("the writer is no http.Flusher")
		}
		control := http.NewResponseController(w)
		if err := control.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			problems <- err
		}
		_, _ = io.WriteString(w, "data: 1\n\n")
		if err := control.Flush(); err != nil {
			problems <- err
		}
		<-release
	})
	server := httptest.NewServer(router)
	defer server.Close()
	resp, err := server.Client().Get(server.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if line, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil || line != "data: 1\n" {
		t.Errorf("before the handler returned: %q, %v", line, err)
	}
	close(release)
	for err := range problems {
		t.Error(err)
	}
}

func TestHijackingStaysPossible(t *testing.T) {
	t.Parallel()
	_, instance := newInstance(t, obs.InstanceOptions{})
	hijacked := make(chan error, 1)
	server := httptest.NewServer(instance.HTTPMiddleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		hijacked <- err
		if err == nil {
			_ = conn.Close()
		}
	})))
	defer server.Close()
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := <-hijacked; err != nil {
		t.Error(err)
	}
}
