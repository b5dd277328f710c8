// Package sse writes server-sent events.
package sse

import (
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// MediaType is the content type of server-sent events.
const MediaType = "text/event-stream"

// WriteTimeout bounds a single write, so that a reader who has stopped reading
// does not hold the stream for ever.
const WriteTimeout = 30 * time.Second

// HurriedTimeout is that bound once a stream is to end.
const HurriedTimeout = 2 * time.Second

// Wanted reports whether the request asks for server-sent events.
func Wanted(r *http.Request) bool {
	for _, accept := range r.Header.Values("Accept") {
		for part := range strings.SplitSeq(accept, ",") {
			mediaType, params, err := mime.ParseMediaType(strings.TrimSpace(part))
			if err != nil || mediaType != MediaType {
				continue
			}
			if q, err := strconv.ParseFloat(params["q"], 64); err == nil && q == 0 {
				continue
			}
			return true
		}
	}
	return false
}

// Writer writes events to one response. It belongs to one goroutine, but for
// [Writer.Hurry].
type Writer struct {
	w       http.ResponseWriter
	rc      *http.ResponseController
	b       []byte
	hurried atomic.Bool

	// Patience bounds a single write; [WriteTimeout] unless it is changed.
	Patience time.Duration
}

// Start answers the request with a stream and sends its head at once. The
// server's own read and write timeouts no longer apply to it.
func Start(w http.ResponseWriter) (*Writer, error) {
	h := w.Header()
	h.Set("Content-Type", MediaType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // proxies would hold events back
	w.WriteHeader(http.StatusOK)
	s := &Writer{w: w, rc: http.NewResponseController(w), Patience: WriteTimeout}
	s.b = append(s.b, "retry: 2000\n\n"...)
	// The server watches the connection for its end with a read that would run
	// into the deadline of the request's own reading.
	if err := s.rc.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return nil, err
	}
	return s, s.Flush()
}

// Pending returns how many bytes wait for the next [Writer.Flush].
func (s *Writer) Pending() int { return len(s.b) }

// Event adds an event to what the next [Writer.Flush] sends. The data must be
// a single line.
func (s *Writer) Event(id uint64, name string, data []byte) {
	s.b = append(strconv.AppendUint(append(s.b, "id: "...), id, 10), '\n')
	s.b = append(append(append(s.b, "event: "...), name...), '\n')
	s.b = append(append(append(s.b, "data: "...), data...), '\n', '\n')
}

// Comment adds a comment, which readers ignore; it keeps the connection open.
func (s *Writer) Comment(text string) {
	s.b = append(append(append(s.b, ": "...), text...), '\n', '\n')
}

// Hurry lets writes, that under way included, last no longer than HurriedTimeout
// from now on: the server is ending, and a reader who has stopped reading is not to
// hold it up.
func (s *Writer) Hurry() {
	s.hurried.Store(true)
	_ = s.bound() // a writer without deadlines has none to shorten
}

// bound sets the deadline of the next write.
func (s *Writer) bound() error {
	for {
		hurried, timeout := s.hurried.Load(), s.Patience
		if hurried {
			timeout = HurriedTimeout
		}
		err := s.rc.SetWriteDeadline(time.Now().Add(timeout))
		if hurried == s.hurried.Load() { // else the longer one may have come last
			return err
		}
	}
}

// Flush sends what was added.
func (s *Writer) Flush() error {
	// Not every writer knows deadlines; then the server's own holds.
	if err := s.bound(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	_, err := s.w.Write(s.b)
	s.b = s.b[:0]
	if err != nil {
		return err
	}
	return s.rc.Flush()
}

// LastEventID returns the id after which a reader wants to resume, and whether
// the request names one. An id that no event has counts as none.
func LastEventID(r *http.Request) (uint64, bool) {
	id, err := strconv.ParseUint(r.Header.Get("Last-Event-ID"), 10, 63)
	return id, err == nil
}
