package httpapi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// discard is a response writer that keeps nothing.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkSettlement measures one settlement from the request to the answer,
// the engine on a journal in memory included, the server's own work not.
func BenchmarkSettlement(b *testing.B) {
	face := setup(b, nil)
	r := httptest.NewRequest(http.MethodPost, "/api/v1/settlements", nil)
	r.Header.Set("Content-Type", "application/json")
	prefix := `{"settlement_type":"DEPOSIT","account_id":"test-account","symbol":"BTC-USD","quantity":"1.25","external_id":"ext-`
	reader, w, i := strings.NewReader(""), &discard{header: http.Header{}}, 0
	b.ReportAllocs()
	for b.Loop() {
		i++
		reader.Reset(prefix + strconv.Itoa(i) + `"}`)
		r.Body, r.ContentLength = io.NopCloser(reader), reader.Size()
		clear(w.header)
		face.handler.ServeHTTP(w, r)
		if w.status != http.StatusCreated {
			b.Fatalf("answered %d", w.status)
		}
	}
}

// BenchmarkRefusal measures what it costs to refuse a bad request.
func BenchmarkRefusal(b *testing.B) {
	face := setup(b, nil)
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/api/v1/settlements", strings.NewReader(`{"quantity":"x"}`))
		r.Header.Set("Content-Type", "application/json")
		face.handler.ServeHTTP(&discard{header: http.Header{}}, r)
	}
}
