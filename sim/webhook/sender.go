package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

const (
	// maxAnswer is how much of an answer's body is read, which is only done to
	// use the connection again.
	maxAnswer       = 64 << 10
	maxAnswerHeader = 64 << 10
	idleConnection  = 90 * time.Second
	userAgent       = "custodian-webhook/1"
)

// Reasons why an attempt failed, as [Metrics] are told them.
const (
	ReasonStatus     = "status"     // answered, but not with 2xx
	ReasonTimeout    = "timeout"    // no answer in time
	ReasonConnection = "connection" // no connection, or it broke
	ReasonForbidden  = "forbidden"  // the target rules do not allow the address
)

// outcome is what became of one attempt.
type outcome struct {
	status     int // 0 if there was no answer
	err        error
	reason     string
	retryAfter time.Duration
}

func (o outcome) gone() bool { return o.status == http.StatusGone }

// sender makes attempts. It is safe for concurrent use.
type sender struct {
	client  *http.Client
	timeout time.Duration
	slots   chan struct{} // one per attempt under way
	tracer  Tracer        // nil for none
}

func newSender(o *Options) *sender {
	concurrent := max(1, o.MaxConcurrent)
	return &sender{
		timeout: o.Timeout, tracer: o.Tracer,
		slots: make(chan struct{}, concurrent),
		client: &http.Client{
			// No proxy: it would resolve the names in our place.
			Transport: &http.Transport{
				DialContext:            o.guardedDial(o.Targets.dial),
				ForceAttemptHTTP2:      true,
				TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs},
				TLSHandshakeTimeout:    connectTimeout,
				MaxIdleConns:           concurrent,
				MaxIdleConnsPerHost:    2,
				IdleConnTimeout:        idleConnection,
				MaxResponseHeaderBytes: maxAnswerHeader,
				DisableCompression:     true, // nobody reads the answers
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// guardedDial guards what the transport calls on goroutines of its own.
func (o *Options) guardedDial(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		err = guarded(func() error {
			conn, err = dial(ctx, network, address)
			return err
		})
		o.reportPanic(err)
		return conn, err
	}
}

// acquire waits for room for one more attempt.
func (s *sender) acquire(ctx context.Context) error {
	select {
	case s.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *sender) release() { <-s.slots }

// attempt sends a message once. The caller has acquired room for it.
func (s *sender) attempt(ctx context.Context, endpoint string, target *url.URL, signers []*standardwebhooks.Webhook, m message) (o outcome) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	now := time.Now()
	signature, err := sign(signers, m.id, now, m.body)
	if err != nil {
		return outcome{err: err, reason: ReasonConnection}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), bytes.NewReader(m.body))
	if err != nil {
		return outcome{err: errors.New("the request cannot be made"), reason: ReasonConnection}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", userAgent)
	request.Header.Set(standardwebhooks.HeaderWebhookID, m.id)
	request.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	if s.tracer != nil {
		traced, end := s.tracer.Attempt(ctx, endpoint, m.sequence, request.Header)
		request = request.WithContext(traced)
		defer func() { end(o.status, o.err) }()
	}
	answer, err := s.client.Do(request)
	if err != nil {
		return s.failure(err)
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, maxAnswer) // the status has been read, which is what counts
	o = outcome{status: answer.StatusCode}
	switch {
	case answer.StatusCode >= 200 && answer.StatusCode <= 299:
		return o
	case answer.StatusCode >= 300 && answer.StatusCode <= 399:
		o.err = fmt.Errorf("answered %s; redirects are not followed", statusText(answer.StatusCode))
	default:
		o.err = fmt.Errorf("answered %s", statusText(answer.StatusCode))
	}
	if answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode == http.StatusServiceUnavailable {
		o.retryAfter = retryAfter(answer.Header, now)
	}
	o.reason = ReasonStatus
	return o
}

// failure says why there was no answer, without the URL, whose query may be
// secret.
func (s *sender) failure(err error) outcome {
	if refused, ok := errors.AsType[*sim.Error](err); ok {
		return outcome{err: refused, reason: ReasonForbidden}
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[net.Error](err); errors.Is(err, context.DeadlineExceeded) || ok && e.Timeout() {
		return outcome{err: fmt.Errorf("no answer within %s", s.timeout), reason: ReasonTimeout}
	}
	return outcome{err: err, reason: ReasonConnection}
}

func statusText(status int) string {
	if text := http.StatusText(status); text != "" {
		return strconv.Itoa(status) + " " + text
	}
	return strconv.Itoa(status)
}
