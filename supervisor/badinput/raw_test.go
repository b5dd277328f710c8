package badinput

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// raw sends bytes that are hardly HTTP on a connection of their own. Whatever
// they are, the server refuses them or cuts the connection, and neither is at
// fault nor keeps them waiting.
func (r *round) raw(t *target) {
	r.Helper()
	data := r.nonsense(t)
	r.sent++
	c := connection{host: t.host}
	defer c.close()
	method, _, _ := strings.Cut(data, " ")
	a, err := c.sendAll([]byte(data), method)
	if err != nil {
		if !errors.Is(err, errCut) {
			r.find("no answer to %s: %v", quote(string(cut([]byte(data)))), err)
		}
		return
	}
	// What net/http itself does not support it says with these two.
	refused := []int{501, 505}
	code := a.problem().Code
	gone := code == "unavailable" // the end of what was sent reads like the end of the caller
	if a.status < 200 || a.status >= 500 && !gone && !slices.Contains(refused, a.status) && !slices.Contains(onPurpose, code) {
		r.find("answered %d %s to printf %s | nc %s", a.status, cut(a.body), quote(string(cut([]byte(data)))), t.host)
	}
}

// errCut reports a connection that the server ended without an answer.
var errCut = errors.New("the connection was cut")

// sendAll is send for what may not be a whole request: the sending direction is
// closed after it, so that nobody waits for more.
func (c *connection) sendAll(data []byte, method string) (*answer, error) {
	a, err := c.sendWith(data, method, true)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || err != nil && strings.Contains(err.Error(), "reset by peer") {
		return nil, fmt.Errorf("%w: %w", errCut, err)
	}
	return a, err
}

// nonsense makes the bytes.
func (r *round) nonsense(t *target) string {
	d := r.dice
	host := "Host: " + t.host + "\r\n"
	path := pick(d, []string{"/api/v1/settlements", "/api/v1/accounts", "/admin/v1/instances", "/clock", "/api/v1/events"})
	post := "POST " + path + " HTTP/1.1\r\n" + host + "Content-Type: application/json\r\n"
	chunked := post + "Transfer-Encoding: chunked\r\n\r\n"
	list := []string{
		"GET " + path + " HTTP/1.1\r\n\r\n", // no Host
		"GET " + path + " HTTP/1.1\r\n" + host + host + "\r\n",
		"GET " + path + " HTTP/1.1\r\nHost: a b\r\n\r\n",
		"GET " + path + " HTTP/3.0\r\n" + host + "\r\n",
		"GET " + path + " HTTP/0.9\r\n\r\n",
		"GET " + path + "\r\n\r\n",
		"GET  " + path + "  HTTP/1.1\r\n" + host + "\r\n",
		"GET /%zz HTTP/1.1\r\n" + host + "\r\n",
		"GET /api/v1/accounts/%e2%28%a1 HTTP/1.1\r\n" + host + "\r\n",
		"GET /../../etc/passwd HTTP/1.1\r\n" + host + "\r\n",
		"GET /api/v1/../../../metrics HTTP/1.1\r\n" + host + "\r\n",
		"GET //api//v1//accounts HTTP/1.1\r\n" + host + "\r\n",
		"GET http://example.com" + path + " HTTP/1.1\r\n" + host + "\r\n",
		"GET * HTTP/1.1\r\n" + host + "\r\n", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n",
		"CONNECT 127.0.0.1:9 HTTP/1.1\r\n" + host + "\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"FROBNICATE " + path + " HTTP/1.1\r\n" + host + "\r\n",
		"G\x00T " + path + " HTTP/1.1\r\n" + host + "\r\n",
		"GET " + path + " HTTP/1.1\r\n" + host + "X-A: a\x00b\r\n\r\n",
		"GET " + path + " HTTP/1.1\r\n" + host + " folded: 1\r\n\r\n",
		"GET " + path + " HTTP/1.1\r\n" + host + "No colon\r\n\r\n",
		"GET " + path + " HTTP/1.1\r\n" + host + "X-A : 1\r\n\r\n",
		"GET " + path + " HTTP/1.1\r\n" + host + "X-Big: " + strings.Repeat("x", 1_200_000) + "\r\n\r\n",
		"GET " + path + " HTTP/1.1\r\n" + host + strings.Repeat("X-Many: x\r\n", 30_000) + "\r\n",
		"GET " + path + "?" + strings.Repeat("a=1&", 10_000) + " HTTP/1.1\r\n" + host + "\r\n",
		"GET /" + strings.Repeat("a/", 20_000) + " HTTP/1.1\r\n" + host + "\r\n",
		post + "Content-Length: -1\r\n\r\n", post + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}", post + "Content-Length: 99999999999999999999\r\n\r\n{}",
		post + "Content-Length: 9999999999\r\n\r\n{}", post + "Content-Length: 10\r\n\r\n{}", post + "Content-Length: +2\r\n\r\n{}", post + "Content-Length: 0x2\r\n\r\n{}",
		post + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		post + "Transfer-Encoding: gzip\r\n\r\n{}", post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
		post + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}", post + "Expect: the unexpected\r\nContent-Length: 2\r\n\r\n{}",
		chunked + "zz\r\n{}\r\n0\r\n\r\n", chunked + "2\r\n{}0\r\n\r\n", chunked + "ffffffffffffffff\r\n{}", chunked + "-1\r\n", chunked + "2;ext=" + strings.Repeat("e", 10_000) + "\r\n{}\r\n0\r\n\r\n",
		chunked + strings.Repeat("1\r\n \r\n", 70_000) + "0\r\n\r\n", chunked + "1\r\n{\r\n", chunked + "2\r\n{}\r\n0\r\nX-Trailer: 1\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "\x00", "\r\n\r\n\r\n", string(d.bytes(300)), "GET", post, "SSH-2.0-x\r\n",
	}
	return pick(d, list)
}
