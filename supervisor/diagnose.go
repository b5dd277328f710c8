package supervisor

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/postgres"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/redis"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/sqlite"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// Severity is how bad a [Finding] is.
type Severity string

// The severities: all is well, something will hurt sooner or later, and nothing or
// not everything would start.
const (
	SeverityOK      Severity = "ok"
	SeverityWarning Severity = "warning"
	SeverityError   Severity = "error"
)

// Finding is what [Diagnose] found of one part of the environment.
type Finding struct {
	// Subject is what was looked at, such as "port 127.0.0.1:8081 (HTTP of a)".
	Subject  string   `json:"subject"`
	Severity Severity `json:"severity"`
	// Detail is what was found; never a secret.
	Detail string `json:"detail"`
	// Advice is what to do about it; empty where nothing is to be done.
	Advice string `json:"advice,omitempty"`
}

// Bounds of what [Diagnose] tolerates.
const (
	clockTolerance = time.Second
	certNotice     = 30 * 24 * time.Hour
	spaceNotice    = 1 << 30 // bytes
	// spareFiles are those of the process itself and of a few clients.
	spareFiles = 200
	// diagnoseTimeout bounds the look at one server.
	diagnoseTimeout = 15 * time.Second
)

// Diagnose looks at all that a supervisor with a configuration needs of its
// environment: ports, the data directory and its disk, open files, certificates, PostgreSQL with
// its rights, settings and clock, the schemas and files of the instances, and Redis with its
// rights and clock. It starts nothing and changes nothing, but for a file and a key of its own that it takes away again.
// Ports of a supervisor that runs are in use.
func Diagnose(ctx context.Context, cfg config.Config) []Finding {
	d := &diagnosis{cfg: cfg}
	d.ports(ctx)
	d.dataDir()
	if limit, known := openFiles(); known {
		d.files(limit)
	}
	d.certificates(time.Now())
	databases, caches := serversOf(cfg)
	for _, url := range sorted(databases) {
		d.postgres(ctx, url, databases[url])
	}
	d.sqlite(ctx)
	if d.books > 0 {
		d.add(SeverityOK, "books", fmt.Sprintf("those of %d of %d instances can be opened or made", d.books, len(d.cfg.Instances)), "")
	}
	for _, url := range sorted(caches) {
		d.redis(ctx, url)
	}
	return d.findings
}

type diagnosis struct {
	cfg      config.Config
	findings []Finding
	books    int // of so many instances they were found in order
}

func (d *diagnosis) add(severity Severity, subject, detail, advice string) {
	d.findings = append(d.findings, Finding{Subject: subject, Severity: severity, Detail: detail, Advice: advice})
}

// ports tries to listen wherever the supervisor would.
func (d *diagnosis) ports(ctx context.Context) {
	planned, _ := config.Plan(d.cfg, nil) // its problems are those of the configuration
	type wanted struct{ address, of string }
	all := []wanted{{d.cfg.Admin.Listen, "admin"}}
	for _, name := range slices.Sorted(maps.Keys(planned)) {
		all = append(all,
			wanted{net.JoinHostPort(d.cfg.Ports.Host, strconv.Itoa(planned[name].HTTP)), "HTTP of " + name},
			wanted{net.JoinHostPort(d.cfg.Ports.Host, strconv.Itoa(planned[name].GRPC)), "gRPC of " + name})
	}
	free := 0
	for _, w := range all {
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", w.address)
		if err == nil {
			_ = l.Close() // it was free, and is again
			free++
			continue
		}
		subject := fmt.Sprintf("port %s (%s)", w.address, w.of)
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			d.add(SeverityError, subject, "is in use"+holder(w.address), "end what has it, unless that is this supervisor, or choose another port")
		case errors.Is(err, fs.ErrPermission):
			d.add(SeverityError, subject, "may not be listened on by this user", "choose a port above 1023, or grant CAP_NET_BIND_SERVICE")
		default:
			d.add(SeverityError, subject, err.Error(), "check admin.listen and ports.host: the address must be one of this machine")
		}
	}
	if free == len(all) {
		d.add(SeverityOK, "ports", fmt.Sprintf("all %d are free", free), "")
	}
}

// dataDir checks that files can be made where they would be.
func (d *diagnosis) dataDir() {
	subject := "directory " + d.cfg.DataDir
	dir, err := filepath.Abs(d.cfg.DataDir)
	if err != nil {
		d.add(SeverityError, subject, err.Error(), "set data_dir to a path that exists")
		return
	}
	for { // the nearest that exists is where it would be made
		info, err := os.Stat(dir)
		if errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir {
			dir = filepath.Dir(dir)
			continue
		}
		if err == nil && !info.IsDir() {
			err = fmt.Errorf("%s is a file", dir)
		}
		if err != nil {
			d.add(SeverityError, subject, err.Error(), "set data_dir to a directory of this user's")
			return
		}
		break
	}
	file, err := os.CreateTemp(dir, ".custodian-doctor-*")
	if err != nil {
		d.add(SeverityError, subject, "no file can be made in "+dir+": "+err.Error(), "give this user the right to write there, or set data_dir elsewhere")
		return
	}
	_, writeErr := file.Write(make([]byte, 1<<20)) // less than a disk that is full has
	if err := errors.Join(writeErr, file.Close(), os.Remove(file.Name())); err != nil {
		d.add(SeverityError, subject, "a file in "+dir+" cannot be written: "+err.Error(), "make room on its disk, or set data_dir elsewhere")
		return
	}
	free, known := freeSpace(dir)
	d.space(subject, free, known)
}

// space judges the room that a directory has left: books in SQLite only grow.
func (d *diagnosis) space(subject string, free uint64, known bool) {
	switch {
	case !known:
		d.add(SeverityOK, subject, "can be written to", "")
	case free < spaceNotice:
		d.add(SeverityWarning, subject, fmt.Sprintf("can be written to, but only %d MiB are free", free>>20),
			"make room on its disk, or set data_dir elsewhere: an instance whose books find none stops until there is")
	default:
		d.add(SeverityOK, subject, fmt.Sprintf("can be written to, %d GiB are free", free>>30), "")
	}
}

// clock compares the clock of a server with this machine's, by what it said and when.
func (d *diagnosis) clock(subject string, there, asked, answered time.Time) {
	ahead := there.Sub(asked.Add(answered.Sub(asked) / 2))
	if ahead.Abs() <= clockTolerance+answered.Sub(asked)/2 {
		return
	}
	where := "ahead of"
	if ahead < 0 {
		where = "behind"
	}
	d.add(SeverityWarning, subject, fmt.Sprintf("its clock is %s %s this machine's", ahead.Abs().Round(time.Millisecond), where),
		"synchronise both clocks (NTP): times of settlements come from this one, those of backups and logs from the other")
}

// files compares how many files may be open with how many will be.
func (d *diagnosis) files(limit uint64) {
	needed := uint64(spareFiles)
	clients := uint64(0)
	for _, entry := range d.cfg.Instances {
		i := d.cfg.Resolve(entry)
		needed += 2 // listeners
		if i.Storage.Driver == config.StorageSQLite {
			needed += 3 // the database and the files beside it
		}
		clients += uint64(max(0, i.Limits.MaxClientConnections))
	}
	if databases, _ := serversOf(d.cfg); len(databases) > 0 {
		needed += uint64(max(0, d.cfg.Storage.Postgres.MaxConnections))
	}
	const advice = "raise it: ulimit -n, LimitNOFILE= of systemd, --ulimit nofile= of a container"
	switch {
	case limit < needed:
		d.add(SeverityError, "open files", fmt.Sprintf("%d are allowed, %d are needed", limit, needed), advice)
	case limit < needed+clients:
		d.add(SeverityWarning, "open files", fmt.Sprintf("%d are allowed: enough for the instances, but not for all the clients that limits.max_client_connections lets in (%d)", limit, clients),
			advice+"; or lower limits.max_client_connections")
	default:
		d.add(SeverityOK, "open files", fmt.Sprintf("%d are allowed, at most %d are needed", limit, needed+clients), "")
	}
}

// certificates looks at when those of the ports end.
func (d *diagnosis) certificates(now time.Time) {
	for _, c := range []struct{ key, file string }{{"admin.tls.cert", d.cfg.Admin.TLS.Cert}, {"ports.tls.cert", d.cfg.Ports.TLS.Cert}} {
		if c.file == "" {
			continue
		}
		subject := fmt.Sprintf("certificate %s (%s)", c.file, c.key)
		ends, err := certificateEnds(c.file)
		const advice = "renew it; a supervisor that runs takes the new one over by itself"
		switch left := ends.Sub(now); {
		case err != nil:
			d.add(SeverityError, subject, err.Error(), "name a PEM file with a certificate")
		case left <= 0:
			d.add(SeverityError, subject, "ended at "+ends.UTC().Format(time.RFC3339), advice)
		case left < certNotice:
			d.add(SeverityWarning, subject, "ends at "+ends.UTC().Format(time.RFC3339), advice)
		default:
			d.add(SeverityOK, subject, "ends at "+ends.UTC().Format(time.RFC3339), "")
		}
	}
}

func certificateEnds(file string) (time.Time, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return time.Time{}, err
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "CERTIFICATE" {
		return time.Time{}, errors.New("holds no certificate in PEM")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}, err
	}
	return cert.NotAfter, nil
}

// postgres looks at one server, whose URL is never shown, and on which instances may
// have roles of their own.
func (d *diagnosis) postgres(ctx context.Context, url config.Secret, roles bool) {
	ctx, cancel := context.WithTimeout(ctx, diagnoseTimeout)
	defer cancel()
	warnings := &warnings{}
	server, err := postgres.Open(ctx, postgres.Options{URL: url.Reveal(), MaxConnections: d.cfg.Storage.Postgres.MaxConnections, Logger: slog.New(warnings)})
	if err != nil {
		d.add(SeverityError, "PostgreSQL", err.Error(), adviceOn(err))
		return
	}
	defer func() { _ = server.Close(ctx) }() // nothing is under way
	subject := "PostgreSQL at " + server.Addr()
	if err := server.Check(ctx, roles); err != nil {
		d.add(SeverityError, subject, err.Error(), adviceOn(err))
		return
	}
	asked := time.Now()
	there, err := server.Now(ctx)
	if err != nil {
		d.add(SeverityError, subject, err.Error(), adviceOn(err))
		return
	}
	answered := time.Now()
	for _, text := range warnings.all() {
		d.add(SeverityWarning, subject, text, "change the setting of the server or the key of the configuration")
	}
	d.clock(subject, there, asked, answered)
	d.add(SeverityOK, subject, "can be used: version, rights and place for schemas", "")
	d.schemas(ctx, server, url)
}

// schemas looks at where the instances have their books, or would have them, on one
// server, and the supervisor its desired state.
func (d *diagnosis) schemas(ctx context.Context, server *postgres.Server, url config.Secret) {
	if d.cfg.Storage.Driver == config.StoragePostgres && d.cfg.Storage.Postgres.URL == url {
		if err := server.CheckDesired(ctx); err != nil {
			d.add(SeverityError, "desired state of the supervisor", err.Error(), adviceOnBooks(err))
		}
	}
	for _, entry := range d.cfg.Instances {
		i := d.cfg.Resolve(entry)
		if i.Storage.Driver != config.StoragePostgres || i.Storage.Postgres.URL != url {
			continue
		}
		err := server.CheckSchema(ctx, i.Schema, i.Storage.Postgres.Isolation == config.IsolationRole)
		d.booksOf(i, err)
		if errors.Is(err, postgres.ErrUnreachable) || ctx.Err() != nil { // so are the others
			return
		}
	}
}

// sqlite is schemas for files.
func (d *diagnosis) sqlite(ctx context.Context) {
	if d.cfg.Storage.Driver == config.StorageSQLite {
		if err := sqlite.CheckDesired(ctx, d.cfg.DataDir); err != nil {
			d.add(SeverityError, "desired state of the supervisor", err.Error(), adviceOnBooks(err))
		}
	}
	for _, entry := range d.cfg.Instances {
		if i := d.cfg.Resolve(entry); i.Storage.Driver == config.StorageSQLite {
			d.booksOf(i, sqlite.Check(ctx, filepath.Join(d.cfg.DataDir, i.Schema+".db")))
		}
	}
}

// booksOf tells of the books of an instance if they cannot be opened.
func (d *diagnosis) booksOf(i config.Instance, err error) {
	if err == nil {
		d.books++
		return
	}
	d.add(SeverityError, "books of "+i.Name, err.Error(), adviceOnBooks(err))
}

// adviceOnBooks is what to do about books that cannot be opened.
func adviceOnBooks(err error) string {
	switch {
	case errors.Is(err, postgres.ErrForeignSchema), errors.Is(err, sqlite.ErrForeignFile):
		return "give the instance a name in schema that nothing else has, or move what is there away"
	case errors.Is(err, postgres.ErrNewerSchema), errors.Is(err, sqlite.ErrNewerSchema):
		return "start the newer version of the program, or restore a backup that was made before it ran"
	case errors.Is(err, postgres.ErrForeignRole):
		return "rename that role or take those rights away from it, or give the instance another name in schema"
	case errors.Is(err, postgres.ErrPermission):
		return "have its owner or an administrator change that, or give the instance a name in schema that nothing else has"
	case errors.Is(err, sqlite.ErrPermission):
		return "give this user the right to read and write it, or set data_dir elsewhere"
	case errors.Is(err, sqlite.ErrDamaged):
		return "restore it from a backup"
	}
	return cmp.Or(adviceOn(err), "see what the log of the server says")
}

func (d *diagnosis) redis(ctx context.Context, url config.Secret) {
	ctx, cancel := context.WithTimeout(ctx, diagnoseTimeout)
	defer cancel()
	server, err := redis.Open(ctx, redis.Options{URL: url.Reveal(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		d.add(SeverityError, "Redis", err.Error(), "correct redis.url")
		return
	}
	defer func() { _ = server.Close() }() // nothing is under way
	subject := "Redis at " + server.Addr()
	if err := server.Check(ctx); err != nil {
		d.add(SeverityError, subject, err.Error(), cmp.Or(adviceOn(err), "start the server, or correct host and port of redis.url; meanwhile settlement goes on, the event stream and discovery wait"))
		return
	}
	asked := time.Now()
	if there, err := server.Now(ctx); err != nil {
		d.add(SeverityWarning, subject, "its clock cannot be read: "+err.Error(), "use Redis 7 or later")
	} else {
		d.clock(subject, there, asked, time.Now())
	}
	d.add(SeverityOK, subject, "can be used: every command that is needed is allowed", "")
}

// adviceOn is what to do about an error of a server.
func adviceOn(err error) string {
	if _, denied := errors.AsType[*redis.PermissionError](err); denied || errors.Is(err, postgres.ErrPermission) {
		return "have an administrator run what custodian provision prints"
	}
	switch {
	case errors.Is(err, postgres.ErrRefused), errors.Is(err, redis.ErrAuth):
		return "correct user and password of the URL"
	case errors.Is(err, postgres.ErrUnreachable):
		return "start the server, or correct host and port of storage.postgres.url"
	default:
		return ""
	}
}

// warnings keeps what is logged at that level and above.
type warnings struct {
	mu    sync.Mutex
	texts []string
}

func (w *warnings) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.texts)
}

// Enabled implements [slog.Handler].
func (w *warnings) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle implements [slog.Handler].
func (w *warnings) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool {
		text += fmt.Sprintf(", %s %s", a.Key, a.Value)
		return true
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts = append(w.texts, text)
	return nil
}

// WithAttrs implements [slog.Handler].
func (w *warnings) WithAttrs([]slog.Attr) slog.Handler { return w }

// WithGroup implements [slog.Handler].
func (w *warnings) WithGroup(string) slog.Handler { return w }
