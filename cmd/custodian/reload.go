package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// pollInterval is the time between two looks at the files. A change is taken up
// when it has stood for one interval, so that a file is not read while it is
// being written: half of one can be a valid configuration of fewer instances.
const pollInterval = 2 * time.Second

// reloader takes up changes of the configuration files. Looking at them again
// and again, rather than being told by the system, works over renames,
// symbolic links and network file systems alike.
type reloader struct {
	load       func() (config.Config, error)
	files      []string
	level      interface{ Set(string) error }
	server     *admin.Server
	api        interface{ Reload(config.Admin) }
	supervisor *supervisor.Supervisor
	logger     *slog.Logger
	asked      chan string // room for one request; more are the same one

	now  config.Config // what is in force; of the goroutine of watch
	last config.Config // what read returned last; likewise
}

// read reads the configuration for the supervisor, which does so within apply.
func (r *reloader) read() (config.Config, error) {
	cfg, err := r.load()
	r.last = cfg
	return cfg, err
}

// ask asks for a reload, for a reason that is logged.
func (r *reloader) ask(reason string) {
	select {
	case r.asked <- reason:
	default: // one is due already
	}
}

// watch reloads when asked to or when a file has changed, until ctx ends.
func (r *reloader) watch(ctx context.Context) {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	seen := newFingerprints(r.files)
	for {
		select {
		case <-ctx.Done():
			return
		case reason := <-r.asked:
			seen.look()
			seen.settle()
			r.apply(ctx, reason)
		case <-ticker.C:
			if seen.look() {
				r.apply(ctx, "a file changed")
			}
		}
	}
}

// apply makes what the files say so. Any mistake changes nothing.
func (r *reloader) apply(ctx context.Context, reason string) {
	if err := r.server.Reload(r.now.Admin); err != nil {
		r.logger.Error("the certificates of the admin API stay as they are", "reason", reason, "error", err)
	}
	changes, err := r.supervisor.Reload(ctx)
	if err != nil {
		r.logger.Error("the configuration stays as it is", "reason", reason, "error", oneLine(err.Error()))
		return
	}
	if r.last.Log.Level != r.now.Log.Level {
		if err := r.level.Set(r.last.Log.Level); err != nil {
			r.logger.Error("the log level stays as it is", "error", err)
		}
	}
	if r.last.Log.Format != r.now.Log.Format {
		r.logger.Warn("log.format takes effect with the next start of the process")
	}
	if !reflect.DeepEqual(r.last.Admin, r.now.Admin) { // tokens or clients: all else is refused
		if err := r.server.Reload(r.last.Admin); err != nil {
			r.logger.Error("the certificates of the admin API stay as they are", "reason", reason, "error", err)
		}
		r.api.Reload(r.last.Admin)
		r.logger.Info("who is let in at the admin API changed")
	}
	r.now = r.last
	list := make([]string, len(changes))
	for i, c := range changes {
		list[i] = c.Action + " " + c.Instance
	}
	r.logger.Info("configuration reloaded", "reason", reason, "changes", strings.Join(list, ", "))
}

// fingerprints notice when files have changed and stand still again.
type fingerprints struct {
	files []string
	// known is what was taken up last, before what the last look found.
	known, before []fingerprint
}

type fingerprint struct {
	modified time.Time
	size     int64
	hash     [sha256.Size]byte
	err      string
}

func newFingerprints(files []string) *fingerprints {
	f := &fingerprints{files: files}
	f.before = f.read()
	f.settle()
	return f
}

// settle takes up what the last look found.
func (f *fingerprints) settle() { f.known = f.before }

// look reports whether the files differ from what was taken up last and have
// stood as they are for one look at least; then that is taken up.
func (f *fingerprints) look() bool {
	found := f.read()
	steady := same(found, f.before)
	f.before = found
	if !steady || same(found, f.known) {
		return false
	}
	f.settle()
	return true
}

func same(a, b []fingerprint) bool {
	for i := range a {
		if a[i].hash != b[i].hash || a[i].err != b[i].err {
			return false
		}
	}
	return true
}

// read takes the fingerprints of all files, hashing those that may have changed.
func (f *fingerprints) read() []fingerprint {
	out := make([]fingerprint, len(f.files))
	for i, name := range f.files {
		info, err := os.Stat(name)
		if err != nil {
			out[i].err = err.Error()
			continue
		}
		out[i].modified, out[i].size = info.ModTime(), info.Size()
		if f.before != nil && f.before[i].err == "" && out[i].modified.Equal(f.before[i].modified) && out[i].size == f.before[i].size &&
			time.Since(out[i].modified) > 2*pollInterval { // younger ones may change within one tick of the clock
			out[i].hash = f.before[i].hash
			continue
		}
		if out[i].hash, err = hashFile(name); err != nil {
			out[i].err = err.Error()
		}
	}
	return out
}

func hashFile(name string) (sum [sha256.Size]byte, err error) {
	file, err := os.Open(name)
	if err != nil {
		return sum, err
	}
	defer func() { _ = file.Close() }() // only read from
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return sum, fmt.Errorf("reading %s: %w", name, err)
	}
	copy(sum[:], h.Sum(nil))
	return sum, nil
}
