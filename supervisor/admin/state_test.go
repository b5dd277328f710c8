package admin_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/client"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/snapshot"
)

// withBooks adds an instance whose books have an opening, and returns it.
func (p *started) withBooks(t *testing.T, name, amount string) wire.Instance {
	t.Helper()
	added, err := p.Add(p.ctx, []byte(fmt.Sprintf(
		`{"name":%q,%s,"opening":{"balances":[{"account_id":"a","currency":"USD","available_balance":%q}]}}`, name, ports(t), amount)), true)
	if err != nil {
		t.Fatal(err)
	}
	return added
}

// wantBalance checks what the books of an instance that runs have.
func (p *started) wantBalance(t *testing.T, i wire.Instance, amount string) {
	t.Helper()
	if text := get(p.ctx, t, "http://"+i.HTTPAddr+"/api/v1/balances"); !strings.Contains(text, `"`+amount+`"`) {
		t.Errorf("instance %s has %s, expected %s", i.Name, text, amount)
	}
}

// deposit books something on an instance that runs.
func (p *started) deposit(t *testing.T, i wire.Instance, amount string) {
	t.Helper()
	r, err := http.NewRequestWithContext(p.ctx, http.MethodPost, "http://"+i.HTTPAddr+"/api/v1/settlements", strings.NewReader(
		fmt.Sprintf(`{"settlement_type":"DEPOSIT","account_id":"a","symbol":"USD","quantity":%q}`, amount)))
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if _ = resp.Body.Close(); err != nil || resp.StatusCode != http.StatusCreated {
		t.Fatalf("a deposit is answered with %s %s, %v", resp.Status, text, err)
	}
}

func (p *started) snapshot(t *testing.T, name string) []byte {
	t.Helper()
	body, err := p.Snapshot(p.ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	file, err := io.ReadAll(body)
	if closeErr := body.Close(); err != nil || closeErr != nil {
		t.Fatal(err, closeErr)
	}
	return file
}

func (p *started) drain(t *testing.T, name string) {
	t.Helper()
	if _, err := p.Drain(p.ctx, name, 0, true); err != nil {
		t.Fatal(err)
	}
}

func (p *started) startAgain(t *testing.T, name string) wire.Instance {
	t.Helper()
	i, err := p.Start(p.ctx, name, true)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestASnapshotIsRestoredByTheAPI(t *testing.T) {
	t.Parallel()
	p := start(t)
	source := p.withBooks(t, "source", "12.50")
	file := p.snapshot(t, "source")
	p.deposit(t, source, "1")
	p.wantBalance(t, source, "13.50")
	target := p.withBooks(t, "target", "7.00")

	_, err := p.Restore(p.ctx, "target", bytes.NewReader(file))
	refused(t, err, http.StatusConflict, `"target"`, "drain it")
	p.wantBalance(t, target, "7.00")
	p.drain(t, "target")
	restored, err := p.Restore(p.ctx, "target", bytes.NewReader(file))
	if err != nil || restored.State != "drained" {
		t.Fatalf("restored %+v, %v", restored, err)
	}
	p.wantBalance(t, p.startAgain(t, "target"), "12.50")

	p.drain(t, "source")
	stopped := p.snapshot(t, "source") // of one that does not run
	if len(stopped) <= len(file) {
		t.Errorf("a snapshot of more has %d bytes, that of less %d", len(stopped), len(file))
	}
	if _, err := p.Restore(p.ctx, "source", bytes.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	p.wantBalance(t, p.startAgain(t, "source"), "12.50")
}

func TestABadSnapshotIsRefusedAndChangesNothing(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.withBooks(t, "one", "7.00")
	file := p.snapshot(t, "one")
	p.drain(t, "one")
	before := p.snapshot(t, "one")
	tampered := func(at int) []byte {
		out := bytes.Clone(file)
		out[at] ^= 0x20
		return out
	}
	for name, bad := range map[string][]byte{
		"empty":                    nil,
		"no snapshot":              []byte(`{"name":"one"}`),
		"cut off in the middle":    file[:len(file)/2],
		"without its last byte":    file[:len(file)-1],
		"longer":                   append(bytes.Clone(file), 0),
		"with a changed header":    bytes.Replace(file, []byte(`"instance":"one"`), []byte(`"instance":"two"`), 1),
		"changed in the middle":    tampered(len(file) / 2),
		"with another sum":         tampered(len(file) - 1),
		"of a version to be":       bytes.Replace(file, []byte("snapshot\n\x00\x01"), []byte("snapshot\n\x00\x63"), 1),
		"two files in one another": append(bytes.Clone(file), file...),
	} {
		_, err := p.Restore(p.ctx, "one", bytes.NewReader(bad))
		if err == nil {
			t.Errorf("a file %s was restored", name)
			continue
		}
		refused(t, err, http.StatusUnprocessableEntity, "not restored")
		if i, err := p.Instance(p.ctx, "one"); err != nil || i.State != "drained" {
			t.Errorf("after a file %s the instance is %s, %v", name, i.State, err)
		}
	}
	after := p.snapshot(t, "one")
	if one, other := headerOf(t, before), headerOf(t, after); one.Hash != other.Hash || one.Sequence != other.Sequence {
		t.Errorf("the books went from %+v to %+v", one, other)
	}
	p.wantBalance(t, p.startAgain(t, "one"), "7.00")
}

func headerOf(t *testing.T, file []byte) snapshot.Header {
	t.Helper()
	r, header, err := snapshot.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	return header
}

func TestACloneIsMadeByTheAPI(t *testing.T) {
	t.Parallel()
	filed := ports(t)
	p := start(t, `{"name":"filed",`+filed+`}`)
	p.until(t, 0, "filed", "running")
	source := p.withBooks(t, "source", "12.50")
	opened := headerOf(t, p.snapshot(t, "source")).Sequence
	p.deposit(t, source, "1")

	whole, err := p.Clone(p.ctx, "source", wire.Clone{Name: "whole", HTTPPort: port(t), GRPCPort: port(t)})
	if err != nil || whole.State != "running" || whole.ManagedBy != "api" || whole.Schema != "whole" {
		t.Fatalf("cloned %+v, %v", whole, err)
	}
	p.wantBalance(t, whole, "13.50")
	earlier, err := p.Clone(p.ctx, "source", wire.Clone{Name: "earlier", HTTPPort: port(t), GRPCPort: port(t), AtSequence: opened})
	if err != nil {
		t.Fatal(err)
	}
	p.wantBalance(t, earlier, "12.50")
	p.deposit(t, earlier, "5")
	p.wantBalance(t, earlier, "17.50")
	p.wantBalance(t, source, "13.50")

	for name, c := range map[string]struct {
		source string
		copy   wire.Clone
		status int
		naming string
	}{
		"an unknown source":              {"nobody", wire.Clone{Name: "x"}, http.StatusNotFound, `"nobody"`},
		"a name that is taken":           {"source", wire.Clone{Name: "whole"}, http.StatusConflict, `"whole"`},
		"its own name":                   {"source", wire.Clone{Name: "source"}, http.StatusConflict, `"source"`},
		"a name of the file":             {"source", wire.Clone{Name: "filed"}, http.StatusConflict, `"filed"`},
		"a port that is taken":           {"source", wire.Clone{Name: "x", HTTPPort: portOf(t, source.HTTPAddr), GRPCPort: port(t)}, http.StatusConflict, `"source"`},
		"an event that is not there yet": {"source", wire.Clone{Name: "x", HTTPPort: port(t), GRPCPort: port(t), AtSequence: 1 << 40}, http.StatusUnprocessableEntity, "at_sequence"},
		"no name":                        {"source", wire.Clone{}, http.StatusUnprocessableEntity, "name"},
		"a bad name":                     {"source", wire.Clone{Name: "Not A Name"}, http.StatusUnprocessableEntity, "name"},
	} {
		if _, err := p.Clone(p.ctx, c.source, c.copy); err == nil {
			t.Errorf("%s: it was cloned", name)
		} else if text := err.Error(); !strings.Contains(text, c.naming) {
			t.Errorf("%s: %q does not name %s", name, text, c.naming)
		} else {
			refused(t, err, c.status)
		}
	}
	if list, err := p.Instances(p.ctx); err != nil || len(list) != 4 {
		t.Errorf("after the refusals there are %+v, %v; expected four", list, err)
	}
}

func portOf(t *testing.T, addr string) int {
	t.Helper()
	var n int
	if _, err := fmt.Sscan(addr[strings.LastIndex(addr, ":")+1:], &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// raw sends a request as another client might.
func (p *started) raw(t *testing.T, method, path, contentType, body string) (status int, header http.Header, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(p.ctx, method, p.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	r.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(data)
}

func TestBadRequestsAboutBooksNameWhatIsWrong(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.withBooks(t, "one", "7.00")
	for name, c := range map[string]struct {
		method, path, contentType, body string
		status                          int
		naming                          string
	}{
		"a snapshot of nobody":               {"GET", "/nobody/snapshot", "", "", 404, "nobody"},
		"a restore of nobody":                {"POST", "/nobody/restore", snapshot.MediaType, "x", 404, "nobody"},
		"a snapshot with a parameter":        {"GET", "/one/snapshot?at=3", "", "", 422, "at"},
		"a restore with a parameter":         {"POST", "/one/restore?force=true", snapshot.MediaType, "x", 422, "force"},
		"a restore of JSON":                  {"POST", "/one/restore", "application/json", "{}", 415, snapshot.MediaType},
		"a restore of one that runs":         {"POST", "/one/restore", snapshot.MediaType, "x", 409, "drain it"},
		"a clone without a name":             {"POST", "/one/clone", "application/json", `{}`, 422, "name"},
		"a clone of an unknown field":        {"POST", "/one/clone", "application/json", `{"name":"x","prot":1}`, 422, "prot"},
		"a clone at an event that is text":   {"POST", "/one/clone", "application/json", `{"name":"x","at_sequence":"1"}`, 422, "at_sequence"},
		"a clone at an event below zero":     {"POST", "/one/clone", "application/json", `{"name":"x","at_sequence":-1}`, 422, "at_sequence"},
		"a clone at a part of an event":      {"POST", "/one/clone", "application/json", `{"name":"x","at_sequence":1.5}`, 422, "at_sequence"},
		"a clone at an event within a batch": {"POST", "/one/clone", "application/json", `{"name":"x","at_sequence":1}`, 422, "at_sequence"},
		"a clone on a port that is none":     {"POST", "/one/clone", "application/json", `{"name":"x","http_port":65536}`, 422, "http_port"},
		"a clone of no JSON":                 {"POST", "/one/clone", "application/json", `{`, 400, ""},
	} {
		status, header, text := p.raw(t, c.method, "/admin/v1/instances"+c.path, c.contentType, c.body)
		if status != c.status || !strings.Contains(text, c.naming) || header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s %s, expected %d naming %q", name, status, header.Get("Content-Type"), text, c.status, c.naming)
		}
	}
	status, header, file := p.raw(t, "GET", "/admin/v1/instances/one/snapshot", "", "")
	if status != 200 || header.Get("Content-Type") != snapshot.MediaType || !strings.Contains(header.Get("Content-Disposition"), `filename="one-`) {
		t.Errorf("a snapshot is answered with %d %v", status, header)
	}
	p.drain(t, "one")
	if status, _, text := p.raw(t, "POST", "/admin/v1/instances/one/restore", "application/octet-stream", file); status != 200 {
		t.Errorf("restoring it is answered with %d %s", status, text)
	}
	if err := p.Remove(p.ctx, "one", client.RemoveOptions{Purge: true, Wait: true}); err != nil {
		t.Error(err)
	}
}
