package badinput

import (
	"fmt"
	"net/url"
	"strings"
)

// request is an HTTP request as it is written to the connection: what is in it
// may be wrong in any way.
type request struct {
	method, target string
	headers        [][2]string
	body           string
	// operation is what it is made for.
	operation *operation
	mode      mode
}

// bytes returns the request as it is sent.
func (r *request) bytes(host string) []byte {
	var out strings.Builder
	fmt.Fprintf(&out, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.method, r.target, host)
	for _, h := range r.headers {
		fmt.Fprintf(&out, "%s: %s\r\n", h[0], h[1])
	}
	if r.body != "" || r.method != "GET" && r.method != "HEAD" {
		fmt.Fprintf(&out, "Content-Length: %d\r\n", len(r.body))
	}
	out.WriteString("\r\n" + r.body)
	return []byte(out.String())
}

// curl returns the request as a command.
func (r *request) curl(host string) string {
	out := []string{"curl -i --path-as-is"}
	if r.method == "HEAD" {
		out = append(out, "-I")
	} else {
		out = append(out, "-X "+quote(r.method))
	}
	out = append(out, quote("http://"+host+r.target))
	for _, h := range r.headers {
		out = append(out, "-H "+quote(h[0]+": "+h[1]))
	}
	if r.body != "" {
		out = append(out, "--data-binary "+quote(r.body))
	}
	return strings.Join(out, " ")
}

// quote quotes a word for bash; what is not printable is shown by number.
func quote(text string) string {
	plain := true
	var out strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case c == '\'' || c == '\\':
			plain = false
			out.WriteString(`\` + string(rune(c)))
		case c < ' ' || c > '~':
			plain = false
			fmt.Fprintf(&out, `\x%02x`, c)
		default:
			out.WriteByte(c)
		}
	}
	if plain {
		return "'" + text + "'"
	}
	return "$'" + out.String() + "'"
}

// request makes a request for an operation.
func (m *maker) request(o *operation) *request {
	d := m.dice
	r := &request{method: o.method, operation: o, mode: m.mode}
	path, query := o.path, []string(nil)
	for _, p := range o.parameters {
		switch p.in {
		case "path":
			path = strings.ReplaceAll(path, "{"+p.name+"}", m.step(p.name))
		case "query":
			if p.required || d.in(4) {
				query = append(query, url.QueryEscape(p.name)+"="+m.argument(p))
			}
		case "header":
			if d.in(2) {
				r.headers = append(r.headers, m.header(p))
			}
		}
	}
	if m.mode == broken && d.in(6) {
		query = append(query, pick(d, []string{"", "&", "x", "limit", "limit=", "limit=1&limit=2", "%zz=1", "a=%", "a;b=1", "surprise=1", "=1", "cursor=%00", "limit=%2B1", "account_id=%ff"}))
	}
	r.target = path
	if len(query) > 0 {
		r.target += "?" + strings.Join(query, "&")
	}
	switch {
	case o.body != nil:
		m.addBody(r, o)
	case m.mode == broken && d.in(8):
		r.headers = append(r.headers, [2]string{"Content-Type", "application/json"})
		r.body = pick(d, []string{"{}", "x", `{"surprise":1}`, strings.Repeat(" ", 70000)})
	}
	if m.mode == broken && d.in(30) {
		r.method = pick(d, []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", "X"})
	} else if r.method == "GET" && d.in(25) {
		r.method = "HEAD"
	}
	if d.in(20) {
		r.headers = append(r.headers, [2]string{"Accept", pick(d, []string{"*/*", "application/json", "text/html", "text/event-stream", "application/xml;q=0.5", ";;", ""})})
	}
	if m.mode == broken && d.in(40) {
		r.headers = append(r.headers, pick(d, [][2]string{
			{"X-Request-Id", "a b"}, {"X-Request-Id", strings.Repeat("x", 1000)}, {"Accept-Encoding", "gzip, br;q=-1"}, {"Range", "bytes=0-1"},
			{"If-None-Match", "*"}, {"Expect", "the unexpected"}, {"X-HTTP-Method-Override", "DELETE"}, {"Cookie", strings.Repeat("c=1; ", 500)}, {"Upgrade", "h2c"},
			{"Authorization", "Bearer x"}, {"Forwarded", "for=\"_\""}, {"Content-Encoding", "gzip"}, {"TE", "trailers, deflate"},
		}))
	}
	return r
}

// step returns a path parameter, escaped as a path has it.
func (m *maker) step(name string) string {
	if m.mode == valid || m.dice.in(2) {
		if known := m.pool.any(m.dice, name); known != "" && !m.dice.in(10) {
			return url.PathEscape(known)
		}
		return url.PathEscape(m.sensible(name))
	}
	if m.mode == broken && m.dice.in(3) {
		return pick(m.dice, []string{"%zz", "%", "%2", "%2e%2e", "%2e%2e%2f%2e%2e", "..", ".", "a%2fb", "%00", "%ff", "%25", ";x=1", "a%20b", "a+b", "%C0%AF", "%0d%0a", "\xff", "a\"b", "<>"})
	}
	return url.PathEscape(m.extreme(0))
}

// argument returns the value of a query parameter, escaped.
func (m *maker) argument(p parameter) string {
	if m.mode == broken && m.dice.in(4) {
		return pick(m.dice, []string{"", "%00", "%ff", "%zz", "true", "-1", "1.5", "0", "9223372036854775808", "%20", "a&" + url.QueryEscape(p.name) + "=b"})
	}
	text := m.value(p.schema, p.name, 0)
	if inner, ok := strings.CutPrefix(text, `"`); ok {
		text = strings.TrimSuffix(inner, `"`)
	}
	if p.name == "cursor" || p.name == "after" {
		if known := m.pool.any(m.dice, "cursor"); known != "" && p.name == "cursor" {
			text = known
		}
	}
	return url.QueryEscape(text)
}

// header returns a header that the operation knows.
func (m *maker) header(p parameter) [2]string {
	d := m.dice
	if p.name != "Idempotency-Key" {
		return [2]string{p.name, pick(d, []string{"1", "0", "-1", "x", `"abc"`, "*", `W/"abc", "d"`, "18446744073709551616", ""})}
	}
	if m.mode != valid && d.in(4) {
		return [2]string{p.name, pick(d, []string{"", " ", strings.Repeat("k", 255), strings.Repeat("k", 256), strings.Repeat("k", 5000), "a\tb", "\xff\xfe", "ü", "a b"})}
	}
	key := m.pool.any(d, "key")
	if key == "" || !d.in(3) {
		key = m.sensible("idempotency_key")
		m.pool.add(d, "key", key)
	}
	return [2]string{p.name, key}
}

func (m *maker) addBody(r *request, o *operation) {
	d := m.dice
	mediaType := o.bodyType
	switch mediaType {
	case "application/json":
		if m.mode == valid && d.in(2) {
			r.body = m.recipe(o.id)
		}
		if r.body == "" {
			r.body = m.body(o.body)
		}
	case "application/xml":
		r.body = m.message()
	default:
		r.body = m.copy()
	}
	if m.mode == broken && d.in(8) {
		mediaType = pick(d, []string{"", "text/plain", "application/xml", "application/json; charset=latin1", "application/json; charset=utf-8", "application/json;;",
			"multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "APPLICATION/JSON", "application/vnd.x+json", "json", "/", "application/json, text/xml", "\xff"})
	}
	if mediaType != "" {
		r.headers = append(r.headers, [2]string{"Content-Type", mediaType})
	}
}

// message returns what may be an ISO 20022 message.
func (m *maker) message() string {
	if m.mode == valid || m.dice.in(2) {
		text := pick(m.dice, messages)
		if m.mode == valid {
			return text
		}
		at := m.dice.IntN(len(text))
		return text[:at] + pick(m.dice, []string{"", "<a>", "&amp;", "&x;", "\x00", "\xff", "]]>", "<!--"}) + text[min(len(text), at+m.dice.IntN(20)):]
	}
	return pick(m.dice, []string{
		"", "<", "<a/>", "<Document/>", `<?xml version="1.0" encoding="UTF-16"?><Document/>`, `<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><a>&d;</a>`,
		`<Document xmlns="urn:iso:std:iso:20022:tech:xsd:sese.023.001.09"/>`, strings.Repeat("<a>", 20000), string(m.dice.bytes(100)), "{}",
	})
}

// copy returns a snapshot, whole or not.
func (m *maker) copy() string {
	text := string(m.snapshot)
	if m.mode == valid {
		return text
	}
	at := m.dice.IntN(len(text) + 1)
	return text[:at] + string(m.dice.bytes(20)) + text[min(len(text), at+m.dice.IntN(100)):]
}
