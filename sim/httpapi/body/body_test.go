package body_test

import (
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/body"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
)

func TestBodiesAreReadUpToTheBound(t *testing.T) {
	t.Parallel()
	exact := `{"a":"` + strings.Repeat("x", 92) + `"}`
	tests := map[string]struct {
		body        io.Reader
		contentType string
		encoding    string
		status      int // 0: accepted
		want        string
	}{
		"none":               {strings.NewReader(""), "", "", 0, ""},
		"as large as can be": {strings.NewReader(exact), "application/json", "", 0, exact},
		"in single bytes":    {iotest.OneByteReader(strings.NewReader(exact)), "application/json", "", 0, exact},
		"with a charset":     {strings.NewReader(`{}`), "application/json; charset=UTF-8", "identity", 0, `{}`},
		"a JSON dialect":     {strings.NewReader(`{}`), "application/merge-patch+json", "", 0, `{}`},
		"too large":          {strings.NewReader(exact + " "), "application/json", "", 413, ""},
		"too large, chunked": {iotest.DataErrReader(strings.NewReader(exact + " ")), "application/json", "", 413, ""},
		"a form":             {strings.NewReader(`{}`), "application/x-www-form-urlencoded", "", 415, ""},
		"nothing declared":   {strings.NewReader(`{}`), "", "", 415, ""},
		"another charset":    {strings.NewReader(`{}`), "application/json; charset=latin1", "", 415, ""},
		"compressed":         {strings.NewReader(`{}`), "application/json", "gzip", 415, ""},
		"broken":             {strings.NewReader(`{`), "application/json", "", 400, ""},
		"cut off":            {iotest.ErrReader(io.ErrUnexpectedEOF), "application/json", "", 400, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest("POST", "/", test.body)
			r.Header.Set("Content-Type", test.contentType)
			r.Header.Set("Content-Encoding", test.encoding)
			w := httptest.NewRecorder()
			got, err := body.Read(w, r, 100, nil)
			if test.status == 0 {
				if err != nil || string(got) != test.want {
					t.Errorf("got %q, %v", got, err)
				}
				return
			}
			if err == nil || errors.Is(err, io.EOF) || problem.Of(err).Status != test.status {
				t.Errorf("got %v, want %d", err, test.status)
			}
			if test.status == 413 && (w.Header().Get("Connection") != "close" || !strings.Contains(err.Error(), "100")) {
				t.Errorf("headers %v, %v", w.Header(), err)
			}
		})
	}
}
