package obs_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
)

// newLogger returns a JSON logger at level and the buffer that it writes to.
func newLogger(t *testing.T, level string) (*slog.Logger, *obs.LevelControl, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	logger, control, sync, err := obs.NewLogger(obs.LogOptions{Level: level, Writer: &out})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sync(); err != nil {
			t.Error(err)
		}
	})
	return logger, control, &out
}

// lines decodes what was logged.
func lines(t *testing.T, out *bytes.Buffer) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(out.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("%q is not JSON: %v", line, err)
		}
		all = append(all, fields)
	}
	return all
}

func TestLogLinesAreJSONWithTheInstance(t *testing.T) {
	t.Parallel()
	logger, _, out := newLogger(t, "")
	logger.With("instance", "custodian-sim-001").WithGroup("batch").Info("committed",
		"events", 3, "took", 1500*time.Microsecond, "amount", json.Number("12345678901234567890"))
	got := lines(t, out)[0]
	when, _ := got["time"].(string)
	if _, err := time.Parse(time.RFC3339Nano, when); err != nil || !strings.HasSuffix(when, "Z") {
		t.Errorf("time = %q, want RFC 3339 in UTC", when)
	}
	delete(got, "time")
	want := map[string]any{
		"level": "info", "msg": "committed", "instance": "custodian-sim-001",
		"batch": map[string]any{"events": 3.0, "took": "1.5ms", "amount": "12345678901234567890"},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("logged %v\nwant %v", got, want)
	}
}

func TestLoggerKeepsSlogsContract(t *testing.T) {
	t.Parallel()
	slogtest.Run(t, func(t *testing.T) slog.Handler {
		logger, _, out := newLogger(t, "debug")
		t.Cleanup(func() { out.Reset() })
		outputs.Store(t.Name(), out)
		return logger.Handler()
	}, func(t *testing.T) map[string]any {
		out, _ := outputs.Load(t.Name())
		return lines(t, out.(*bytes.Buffer))[0]
	})
}

// outputs carries the buffers of slogtest's subtests from one callback to the other.
var outputs sync.Map

func TestLevelChangesWhileRunning(t *testing.T) {
	t.Parallel()
	logger, control, out := newLogger(t, "warn")
	child := logger.With("instance", "a")
	child.Info("too early")
	if got := control.Get(); got != "warn" {
		t.Errorf("Get() = %q, want warn", got)
	}
	if err := control.Set("DEBUG"); err != nil {
		t.Fatal(err)
	}
	child.Debug("now")
	if err := control.Set("loud"); err == nil || !strings.Contains(err.Error(), `"loud"`) {
		t.Errorf("Set(loud) = %v", err)
	}
	if got := control.Get(); got != "debug" {
		t.Errorf("Get() = %q after a refused change, want debug", got)
	}
	if got := lines(t, out); len(got) != 1 || got[0]["msg"] != "now" {
		t.Errorf("logged %v", got)
	}
}

func TestConsoleFormatIsForPeople(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	logger, _, _, err := obs.NewLogger(obs.LogOptions{Format: obs.FormatConsole, Writer: &out})
	if err != nil {
		t.Fatal(err)
	}
	logger.Error("could not bind", "port", 8080)
	if got := out.String(); !strings.Contains(got, "\tERROR\tcould not bind\t") || strings.Count(got, "\n") != 1 {
		t.Errorf("logged %q", got)
	}
}

func TestOnlyTheConsoleFormatHasColours(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{obs.FormatConsole: "\t\x1b[31mERROR\x1b[0m\t", obs.FormatJSON: `"level":"error"`} {
		var out bytes.Buffer
		logger, _, _, err := obs.NewLogger(obs.LogOptions{Format: format, Writer: &out, Colours: true})
		if err != nil {
			t.Fatal(err)
		}
		logger.Error("could not bind")
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s: logged %q", format, &out)
		}
	}
}

func TestUnknownLogOptionsAreNamed(t *testing.T) {
	t.Parallel()
	for _, opts := range []obs.LogOptions{{Level: "loud"}, {Format: "xml"}, {Level: "fatal"}} {
		_, _, _, err := obs.NewLogger(opts)
		if bad := opts.Level + opts.Format; err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("NewLogger(%+v) = %v, want an error that names %s", opts, err, bad)
		}
	}
}

func TestSyncForgivesWhatCannotSyncAndReportsTheRest(t *testing.T) {
	t.Parallel()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = read.Close() }()
	_, _, sync, err := obs.NewLogger(obs.LogOptions{Writer: write})
	if err != nil {
		t.Fatal(err)
	}
	if err := sync(); err != nil {
		t.Errorf("sync of a pipe: %v", err)
	}
	_ = write.Close()
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	_, _, sync, err = obs.NewLogger(obs.LogOptions{Writer: file})
	if err != nil {
		t.Fatal(err)
	}
	_ = file.Close()
	if err := sync(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("sync of a closed file: %v, want os.ErrClosed", err)
	}
}

type login struct {
	User     string
	Password string
	Nested   []map[string]any
}

type lazily struct{ value slog.Value }

func (l lazily) LogValue() slog.Value { return l.value }

type panicky struct{}

func (*panicky) String() string { panic("deliberate") }

// TestNoSecretReachesTheLog logs one secret in every way that one could slip
// in. What is not secret must come out unharmed.
func TestNoSecretReachesTheLog(t *testing.T) {
	t.Parallel()
	const pw = "hunter2-s3cret"
	const link = "postgres://user:" + pw + "@db:5432/x"
	parsed, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	logger, _, out := newLogger(t, "debug")
	ways := map[string]func(){
		"password":      func() { logger.Info("m", "password", pw) },
		"token":         func() { logger.Info("m", "admin_token", pw) },
		"secret":        func() { logger.Info("m", "clientSecret", []byte(pw)) },
		"group":         func() { logger.Info("m", slog.Group("db", "Password", pw, "url", link)) },
		"secret group":  func() { logger.Info("m", slog.Group("credentials", "a", pw)) },
		"WithGroup":     func() { logger.WithGroup("secrets").Info("m", "a", pw) },
		"With":          func() { logger.With("url", link, "token", pw).Info("m") },
		"message":       func() { logger.Info("connecting to " + link + " now") },
		"error":         func() { logger.Error("m", "error", fmt.Errorf("dial %s: %w", link, os.ErrNotExist)) },
		"errors":        func() { logger.Error("m", "errors", []error{errors.New(link)}) },
		"url.URL":       func() { logger.Info("m", "url", *parsed) },
		"*url.URL":      func() { logger.Info("m", "url", parsed) },
		"bytes":         func() { logger.Info("m", "body", []byte(link)) },
		"LogValuer":     func() { logger.Info("m", "v", lazily{slog.GroupValue(slog.String("passwd", pw))}) },
		"struct":        func() { logger.Info("m", "v", login{User: "user", Password: pw}) },
		"pointer":       func() { logger.Info("m", "v", &login{Nested: []map[string]any{{"api_key": pw, "at": link}}}) },
		"strings":       func() { logger.Info("m", "urls", []string{link, link}) },
		"keyword DSN":   func() { logger.Info("m", "dsn", "host=db user=user password='"+pw+"' dbname=x") },
		"query":         func() { logger.Info("m", "url", "https://host/?user=user&access_token="+pw+"&x=1") },
		"JSON text":     func() { logger.Info("m", "body", `{"user":"user","password":"`+pw+`"}`) },
		"bearer":        func() { logger.Info("m", "header", "Authorization: Bearer "+pw+"-and-more") },
		"function":      func() { logger.Info("m", "v", struct{ F func() }{}, "token", pw) },
		"nil and panic": func() { logger.Info("m", "v", nil, "p", (*panicky)(nil), "secret", pw) },
	}
	for name, log := range ways {
		out.Reset()
		log()
		if strings.Contains(out.String(), pw) || strings.Contains(out.String(), "aHVudGVy") {
			t.Errorf("%s: the secret was logged: %s", name, out)
		}
		if len(lines(t, out)) != 1 {
			t.Errorf("%s: logged %q", name, out)
		}
	}

	out.Reset()
	logger.Info("m", "url", link, "error", errors.New("no such account"), "v", login{User: "kept"}, "n", uint64(1)<<60,
		"big", map[string]int64{"n": 1<<62 + 1})
	for _, kept := range []string{
		`"postgres://user:***@db:5432/x"`, `"error":"no such account"`, `"User":"kept"`,
		`"n":1152921504606846976`, `"big":{"n":4611686018427387905}`,
	} {
		if !strings.Contains(out.String(), kept) {
			t.Errorf("%s is missing from %s", kept, out)
		}
	}
}
