// Package overhttp plays scenarios against the HTTP face of a custodian: a
// handler in this process, or an address.
package overhttp

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/scenario"
)

// MaxAnswer bounds the answers that are read, in bytes.
const MaxAnswer = 64 << 20

// Handler is a custodian behind a handler in this process.
type Handler struct{ http.Handler }

var _ scenario.Custodian = Handler{}

// Do implements [scenario.Custodian].
func (h Handler) Do(ctx context.Context, method, path string, headers map[string]string, body []byte) (int, []byte, error) {
	r, err := request(ctx, method, path, headers, body)
	if err != nil {
		return 0, nil, err
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.Bytes(), nil
}

// Client is a custodian at an address. It is as safe for concurrent use as its
// HTTP client.
type Client struct {
	// Base is the address without a path, such as http://127.0.0.1:8080.
	Base string
	// HTTP sends the requests; nil means [http.DefaultClient].
	HTTP *http.Client
}

var _ scenario.Custodian = (*Client)(nil)

// Do implements [scenario.Custodian].
func (c *Client) Do(ctx context.Context, method, path string, headers map[string]string, body []byte) (int, []byte, error) {
	r, err := request(ctx, method, strings.TrimSuffix(c.Base, "/")+path, headers, body)
	if err != nil {
		return 0, nil, err
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	response, err := client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, MaxAnswer+1))
	if err == nil && len(answer) > MaxAnswer {
		err = fmt.Errorf("the answer to %s %s is larger than %d bytes", method, path, MaxAnswer)
	}
	return response.StatusCode, answer, err
}

func request(ctx context.Context, method, url string, headers map[string]string, body []byte) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	return r, nil
}
