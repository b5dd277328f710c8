package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/sqlite"
)

// listing returns the names of the files in a directory.
func listing(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return strings.Join(names, " ")
}

func TestFilesAreCheckedWithoutATrace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"closed.db", "newer.db"} {
		if err := open(t, in(name)).Close(); err != nil {
			t.Fatal(err)
		}
	}
	execute(t, in("newer.db"), `PRAGMA user_version = 99`)
	execute(t, in("foreign.db"), `CREATE TABLE orders (id int)`)
	for name, text := range map[string]string{"empty.db": "", "text.db": strings.Repeat("no database ", 100)} {
		if err := os.WriteFile(in(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := open(t, in("used.db")).Load(t.Context()); err != nil { // its log has what it is
		t.Fatal(err)
	}
	before := listing(t, dir)
	for name, want := range map[string]error{
		"closed.db": nil, "used.db": nil, "empty.db": nil, "absent.db": nil, "newer.db": sqlite.ErrNewerSchema,
		"foreign.db": sqlite.ErrForeignFile, "text.db": sqlite.ErrForeignFile,
	} {
		if err := sqlite.Check(t.Context(), in(name)); !errors.Is(err, want) || (err != nil) != (want != nil) {
			t.Errorf("%s: %v, wanted %v", name, err, want)
		}
	}
	if after := listing(t, dir); after != before {
		t.Errorf("files before: %s; after: %s", before, after)
	}
}

func TestTheLogIsCheckedToo(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	open(t, path) // and left so
	execute(t, path, `PRAGMA user_version = 99`)
	if info, err := os.Stat(path + "-wal"); err != nil || info.Size() == 0 {
		t.Fatalf("there is no log: %v", err)
	}
	if err := sqlite.Check(t.Context(), path); !errors.Is(err, sqlite.ErrNewerSchema) {
		t.Errorf("got %v", err)
	}
}

func TestADesiredStateIsCheckedAsSuch(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := sqlite.CheckDesired(t.Context(), dir); err != nil {
		t.Errorf("where there is none: %v", err)
	}
	open(t, filepath.Join(dir, sqlite.DesiredFile))
	if err := sqlite.CheckDesired(t.Context(), dir); !errors.Is(err, sqlite.ErrForeignFile) || !strings.Contains(err.Error(), "but the journal of an instance") {
		t.Errorf("got %v", err)
	}
}
