package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
)

// Error is a refusal or failure that the server reports.
type Error struct {
	// Problem is the server's report. Of an answer that is none (that of a proxy,
	// say), only Status, Title and Detail are set.
	wire.Problem
	// RetryAfter is how long the server asks to wait; 0 where it does not say.
	RetryAfter time.Duration
}

// Error returns the detail in one line. The single mistakes of an entry are in
// Problems.
func (e *Error) Error() string {
	if e.Field != "" {
		return e.Field + ": " + e.Detail
	}
	return e.Detail
}

// BadInput reports whether the server found fault with what was sent, rather
// than refusing it because of how things stand.
func (e *Error) BadInput() bool {
	switch e.Status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge:
		return true
	}
	return false
}

// UnreachableError says that the admin API did not answer.
type UnreachableError struct {
	// URL is where it was looked for.
	URL string
	// Err is why there was no answer.
	Err error
}

// Error returns the address and the reason in one line.
func (e *UnreachableError) Error() string {
	text := fmt.Sprintf("no answer from the admin API at %s: %v", e.URL, e.Err)
	switch {
	case errors.Is(e.Err, syscall.ECONNREFUSED):
		text += " (is the supervisor running there?)"
	case refusesCertificate(e.Err):
		text += " (does it want a client certificate, or another one?)"
	}
	return text
}

// refusesCertificate says whether the server hung up where it checks the
// client's certificate. TLS 1.3 does so after the handshake; what the client
// then sees depends on how far it had come, and none of it has a type.
func refusesCertificate(err error) bool {
	return slices.ContainsFunc([]string{
		"remote error: tls: certificate required",
		"remote error: tls: bad certificate",
		"remote error: tls: unknown certificate authority",
		"http2: client conn could not be established",
	}, func(part string) bool { return strings.Contains(err.Error(), part) })
}

// Unwrap returns Err.
func (e *UnreachableError) Unwrap() error { return e.Err }

// unreachable wraps an error of the transport; the end of the caller's own
// context stays what it is.
func (c *Client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	// The URL is said already, and its query is of no interest.
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return &UnreachableError{URL: c.base, Err: err}
}

// readError makes an error of an answer.
func readError(resp *http.Response) error {
	const most = 1 << 20
	e := &Error{}
	data, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if err != nil || json.Unmarshal(data, &e.Problem) != nil || e.Code == "" {
		e.Problem = wire.Problem{
			Title:  http.StatusText(resp.StatusCode),
			Detail: fmt.Sprintf("the server answered %s, and not as the admin API does; is the address right?", resp.Status),
		}
	}
	e.Status = resp.StatusCode
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return e
}
