// Package body reads JSON request bodies up to a bound.
package body

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/strictjson"
)

// Read appends the body of r to buf and returns it once it has passed
// [strictjson.Check]. A body of more than limit bytes is refused with 413, one
// that is not declared as JSON with 415, broken JSON with 400. Where there is
// no body, Read returns buf as it was; whether that is right is for the caller
// to say.
//
// Reading is bounded in time by the server's read timeout alone.
func Read(w http.ResponseWriter, r *http.Request, limit int, buf []byte) ([]byte, error) {
	start := len(buf)
	buf, err := ReadRaw(w, r, limit, buf)
	if err != nil || len(buf) == start {
		return buf, err
	}
	return buf, Check(r, buf[start:])
}

// Check refuses a body that is not declared as JSON, or is none.
func Check(r *http.Request, data []byte) error {
	if err := checkHeader(r.Header); err != nil {
		return err
	}
	return strictjson.Check(data)
}

// ReadRaw is Read without a look at what the body is.
func ReadRaw(w http.ResponseWriter, r *http.Request, limit int, buf []byte) ([]byte, error) {
	return ReadWithin(w, r, limit, buf, func(int) error { return nil })
}

// Large is how many bytes make a body large.
const Large = 64 << 10

// ReadWithin is ReadRaw for callers who have to make room: before more than
// [Large] bytes of a body are read, reserve is asked for as many as it may have.
// A body that there is no room for is not read.
func ReadWithin(w http.ResponseWriter, r *http.Request, limit int, buf []byte, reserve func(bytes int) error) ([]byte, error) {
	if r.ContentLength > int64(limit) {
		return buf, tooLarge(w, limit)
	}
	start := len(buf)
	var err error
	if r.ContentLength <= Large {
		buf, err = readAll(r.Body, buf, min(limit, Large)+1)
	}
	if expected := max(int(r.ContentLength), -1); err == nil && (expected > Large || len(buf)-start > Large) {
		if expected < 0 {
			expected = limit
		}
		if err := reserve(expected); err != nil {
			w.Header().Set("Connection", "close") // the rest of the body is not read
			return buf[:start], err
		}
		if r.ContentLength > 0 { // else it may be much less
			buf = slices.Grow(buf, expected+1)
		}
		buf, err = readAll(r.Body, buf, limit+1-(len(buf)-start))
	}
	switch {
	case len(buf)-start > limit:
		return buf[:start], tooLarge(w, limit)
	case err != nil:
		return buf[:start], unreadable(err)
	}
	return buf, nil
}

// readAll appends up to most bytes of from to buf.
func readAll(from io.Reader, buf []byte, most int) ([]byte, error) {
	end := len(buf) + most
	for len(buf) < end {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := from.Read(buf[len(buf):min(cap(buf), end)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
	return buf, nil
}

// tooLarge also has the connection closed: the rest of the body is not read.
func tooLarge(w http.ResponseWriter, limit int) error {
	w.Header().Set("Connection", "close")
	return problem.New(http.StatusRequestEntityTooLarge, string(sim.CodeTooLarge),
		fmt.Sprintf("the body is larger than the %d bytes that are allowed", limit))
}

func unreadable(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return problem.New(http.StatusRequestTimeout, problem.CodeRequestTimeout, "the body did not arrive in time")
	}
	return problem.New(http.StatusBadRequest, string(sim.CodeMalformed), "the body could not be read to its end")
}

func checkHeader(h http.Header) error {
	if encoding := h.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return unsupported("Content-Encoding", fmt.Sprintf("must be left out, not %q: bodies are read as they are", encoding), "identity")
	}
	given := h.Get("Content-Type")
	if given == "application/json" {
		return nil
	}
	mediaType, params, err := mime.ParseMediaType(given)
	isJSON := mediaType == "application/json" || strings.HasPrefix(mediaType, "application/") && strings.HasSuffix(mediaType, "+json")
	if err != nil || !isJSON {
		return unsupported("Content-Type", fmt.Sprintf("must be application/json, not %q", given), "application/json")
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return unsupported("Content-Type", fmt.Sprintf("must have the charset utf-8 or none, not %q", charset), "application/json")
	}
	return nil
}

func unsupported(header, detail, allowed string) error {
	return problem.New(http.StatusUnsupportedMediaType, problem.CodeUnsupportedMediaType, detail).On(header, allowed)
}
