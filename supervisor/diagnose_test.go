package supervisor

import (
	"database/sql"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/sqlite"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// about returns the findings whose subject begins so.
func about(findings []Finding, subject string) []Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f Finding) bool { return !strings.HasPrefix(f.Subject, subject) })
}

func TestAnEnvironmentThatWillDoIsFoundSo(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	c.DataDir = filepath.Join(t.TempDir(), "not", "there", "yet")
	c.Admin.Listen = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	findings := Diagnose(t.Context(), c)
	for _, f := range findings {
		if f.Severity != SeverityOK || f.Advice != "" {
			t.Errorf("%+v", f)
		}
	}
	if len(findings) != 3 { // ports, directory, open files
		t.Errorf("%+v", findings)
	}
	if _, err := os.Stat(c.DataDir); !os.IsNotExist(err) {
		t.Errorf("the directory was made: %v", err)
	}
}

func TestWhatIsWrongWithAnEnvironmentComesWithAdvice(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := testConfig(t)
	c.Admin.Listen = taken.Addr().String()
	c.DataDir = filepath.Join(file, "data")
	c.Storage.Driver, c.Storage.Postgres.URL = config.StoragePostgres, "postgres://somebody:s3cret-word@127.0.0.1:1/nowhere?sslmode=disable"
	c.Redis.Driver, c.Redis.URL = config.RedisServer, "redis://somebody:s3cret-word@127.0.0.1:1"
	findings := Diagnose(t.Context(), c)
	for subject, detail := range map[string]string{
		"port " + c.Admin.Listen + " (admin)": "is in use",
		"directory " + c.DataDir:              "not a directory",
		"PostgreSQL":                          "127.0.0.1:1",
		"Redis at 127.0.0.1:1":                "",
	} {
		found := about(findings, subject)
		if len(found) != 1 || found[0].Severity != SeverityError || found[0].Advice == "" || !strings.Contains(found[0].Detail, detail) {
			t.Errorf("%s: %+v", subject, found)
		}
	}
	if text := fmt.Sprint(findings); strings.Contains(text, "s3cret") {
		t.Errorf("a password is shown: %s", text)
	}
}

func TestADiskThatIsNearlyFullIsFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		free  uint64
		known bool
		want  Severity
		says  string
	}{
		"room":       {3 << 30, true, SeverityOK, "3 GiB are free"},
		"little":     {spaceNotice - 1, true, SeverityWarning, "only 1023 MiB are free"},
		"none":       {0, true, SeverityWarning, "only 0 MiB are free"},
		"who knows?": {0, false, SeverityOK, "can be written to"},
	} {
		d := &diagnosis{}
		d.space("directory x", c.free, c.known)
		if f := d.findings[0]; f.Severity != c.want || !strings.Contains(f.Detail, c.says) || (f.Advice == "") != (c.want == SeverityOK) {
			t.Errorf("%s: %+v", name, f)
		}
	}
	if free, known := freeSpace(t.TempDir()); known && free == 0 {
		t.Error("there is no room for tests")
	}
}

func TestClocksThatDifferAreFound(t *testing.T) {
	t.Parallel()
	asked := time.Unix(1000, 0)
	for name, c := range map[string]struct {
		ahead, took time.Duration // of the middle of what it took
		want        string
	}{
		"alike":                 {clockTolerance, 0, ""},
		"ahead":                 {90 * time.Second, time.Second, "1m30s ahead of"},
		"behind":                {-90 * time.Second, time.Second, "1m30s behind"},
		"as far as can be told": {2 * time.Second, 4 * time.Second, ""},
	} {
		d := &diagnosis{}
		d.clock("PostgreSQL", asked.Add(c.took/2+c.ahead), asked, asked.Add(c.took))
		text := fmt.Sprint(d.findings)
		if (len(d.findings) > 0) != (c.want != "") || !strings.Contains(text, c.want) || (c.want != "" && !strings.Contains(text, "NTP")) {
			t.Errorf("%s: %s", name, text)
		}
	}
}

func TestCertificatesThatEndAreFound(t *testing.T) {
	t.Parallel()
	cert := filepath.Join(t.TempDir(), "cert.pem")
	certify(t, config.PortsTLS{Cert: cert, Key: cert + ".key"})
	ends, err := certificateEnds(cert)
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "bad.pem")
	if err := os.WriteFile(bad, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file string
		now  time.Time
		want Severity
	}{
		"lasts":  {cert, ends.Add(-2 * certNotice), SeverityOK},
		"soon":   {cert, ends.Add(-time.Hour), SeverityWarning},
		"ended":  {cert, ends.Add(time.Second), SeverityError},
		"none":   {bad, ends, SeverityError},
		"absent": {bad + ".not", ends, SeverityError},
	} {
		d := &diagnosis{}
		d.cfg.Ports.TLS.Cert = c.file
		d.certificates(c.now)
		if len(d.findings) != 1 || d.findings[0].Severity != c.want || !strings.Contains(d.findings[0].Subject, "ports.tls.cert") {
			t.Errorf("%s: %+v", name, d.findings)
		}
	}
}

func TestFilesThatManyInstancesNeedAreCounted(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	c.Storage.Driver = config.StorageSQLite
	for n := range 10 {
		c.Instances = append(c.Instances, config.Instance{Name: fmt.Sprintf("i-%d", n)})
	}
	clients := uint64(10 * c.Resolve(c.Instances[0]).Limits.MaxClientConnections)
	for limit, want := range map[uint64]Severity{
		spareFiles + 49: SeverityError, spareFiles + 50: SeverityWarning, spareFiles + 49 + clients: SeverityWarning, spareFiles + 50 + clients: SeverityOK,
	} {
		d := &diagnosis{cfg: c}
		d.files(limit)
		if len(d.findings) != 1 || d.findings[0].Severity != want || (want != SeverityOK) != strings.Contains(d.findings[0].Advice, "ulimit -n") {
			t.Errorf("%d: %+v", limit, d.findings)
		}
	}
}

func TestFilesThatAreNoBooksAreFound(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	c.Admin.Listen = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	c.Storage.Driver = config.StorageSQLite
	for _, name := range []string{"fine", "later", "notes", "newer"} {
		c.Instances = append(c.Instances, config.Instance{Name: name})
	}
	c.Instances = append(c.Instances, config.Instance{Name: "unsaved", Storage: config.InstanceStorage{Driver: config.StorageMemory}})
	for _, name := range []string{"fine", "newer"} {
		journal, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(c.DataDir, name+".db"), Instance: name})
		if err != nil {
			t.Fatal(err)
		}
		if err := journal.Close(); err != nil {
			t.Fatal(err)
		}
	}
	newer, err := sql.Open("sqlite", filepath.Join(c.DataDir, "newer.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newer.ExecContext(t.Context(), `PRAGMA user_version = 99`); err != nil {
		t.Fatal(err)
	}
	if err := newer.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"notes.db", sqlite.DesiredFile} {
		if err := os.WriteFile(filepath.Join(c.DataDir, name), []byte(strings.Repeat("no database at all\n", 100)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	findings := Diagnose(t.Context(), c)
	for subject, want := range map[string]struct{ detail, advice string }{
		"books of notes":                  {"file belongs to something else", "in schema that nothing else has"},
		"books of newer":                  {"has version 99", "start the newer version"},
		"desired state of the supervisor": {"file belongs to something else", "move what is there away"},
	} {
		found := about(findings, subject)
		if len(found) != 1 || found[0].Severity != SeverityError || !strings.Contains(found[0].Detail, want.detail) || !strings.Contains(found[0].Advice, want.advice) {
			t.Errorf("%s: %+v", subject, findings)
		}
	}
	if found := about(findings, "books"); len(found) != 3 || found[2].Severity != SeverityOK || !strings.Contains(found[2].Detail, "of 2 of 5 instances") {
		t.Errorf("%+v", found)
	}
	if _, err := os.Stat(filepath.Join(c.DataDir, "later.db")); !os.IsNotExist(err) {
		t.Errorf("books were made: %v", err)
	}
}
