package sse_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/sse"
)

func TestStreamIsWrittenAsReadersExpectIt(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	s, err := sse.Start(w)
	if err != nil {
		t.Fatal(err)
	}
	s.Event(17, "settlement.completed", []byte(`{"sequence":17}`))
	s.Comment("still here")
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	want := "retry: 2000\n\nid: 17\nevent: settlement.completed\ndata: {\"sequence\":17}\n\n: still here\n\n"
	if w.Body.String() != want || !w.Flushed || w.Header().Get("Content-Type") != sse.MediaType {
		t.Errorf("got %q", w.Body.String())
	}
}

func TestStreamsAreRecognisedByTheAcceptHeader(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]bool{
		"": false, "*/*": false, "application/json": false, "text/event-stream": true,
		"application/json, text/event-stream;q=0.9": true, "text/event-stream;q=0": false, ";;": false,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept", accept)
		if got := sse.Wanted(r); got != want {
			t.Errorf("Wanted(%q) = %t", accept, got)
		}
	}
}

func TestLastEventIDIsANumberOrNothing(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]uint64{"17": 17, "": 0, "-1": 0, "x": 0} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Last-Event-ID", header)
		if id, ok := sse.LastEventID(r); id != want || ok != (want > 0) {
			t.Errorf("LastEventID(%q) = %d, %t", header, id, ok)
		}
	}
}
