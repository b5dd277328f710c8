// Package overhttp plays scenarios against the HTTP face of a custodian in this
// process, see [Handler].
package overhttp

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/scenario"
)

// Handler is a custodian behind a handler in this process.
type Handler struct{ http.Handler }

var _ scenario.Custodian = Handler{}

// Do implements [scenario.Custodian].
func (h Handler) Do(ctx context.Context, method, path string, headers map[string]string, body []byte) (int, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.Bytes(), nil
}
