package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/sqlite"
)

// open opens the journal in a path, which the test closes.
func open(t *testing.T, path string) *sqlite.Journal {
	t.Helper()
	j, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Instance: "custodian-sim-001"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

// refused checks that a path cannot be opened, and what the message says.
func refused(t *testing.T, path string, want error, parts ...string) {
	t.Helper()
	j, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Instance: "custodian-sim-001"})
	if err == nil {
		_ = j.Close()
		t.Fatalf("%s was opened", path)
	}
	if want != nil && !errors.Is(err, want) {
		t.Errorf("error %v is not %v", err, want)
	}
	for _, part := range append(parts, path) {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not mention %q", err, part)
		}
	}
}

// execute runs SQL on a file as any other tool would.
func execute(t *testing.T, path, script string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), script); err != nil {
		t.Fatal(err)
	}
}

func TestFilesAreForTheirOwnerAlone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "deep", "data")
	path := filepath.Join(dir, "custodian_sim_001.db")
	j := open(t, path)
	if _, err := j.Load(t.Context()); err != nil { // makes the log
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{dir: 0o700, path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600, path + ".lock": 0o600} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %v, wanted %v", name, got, want)
		}
	}
}

func TestPathsMayHaveAnyName(t *testing.T) {
	t.Parallel()
	for i, name := range []string{"a b", "100%", "x?y=1&_pragma=query_only(1)", "a#b", "it's", "ä日", "%41", ";"} {
		path := filepath.Join(t.TempDir(), name+".db")
		j := open(t, path)
		if _, err := j.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Errorf("name %d: %v", i, err)
		}
		if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 4 {
			t.Errorf("%q: there are files %v", name, entries)
		}
	}
}

func TestForeignFilesAreRefusedAndLeftAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other.db")
	execute(t, other, `CREATE TABLE users (name TEXT); INSERT INTO users VALUES ('x')`)
	foreign := filepath.Join(dir, "foreign.db")
	execute(t, foreign, `PRAGMA application_id = 42`)
	desired, err := sqlite.OpenDesired(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := desired.Close(); err != nil {
		t.Fatal(err)
	}
	for path, part := range map[string]string{
		text: "no SQLite database", other: "not the journal", foreign: "not the journal",
		filepath.Join(dir, sqlite.DesiredFile): "but the desired state of a supervisor",
	} {
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		refused(t, path, sqlite.ErrForeignFile, part)
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, before) {
			t.Errorf("%s was changed (%v)", path, err)
		}
	}
}

func TestJournalIsNoDesiredState(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open(t, filepath.Join(dir, sqlite.DesiredFile))
	_, err := sqlite.OpenDesired(t.Context(), dir)
	if !errors.Is(err, sqlite.ErrForeignFile) || !strings.Contains(err.Error(), "but the journal of an instance") {
		t.Errorf("opening a journal as desired state: %v", err)
	}
}

func TestNewerFilesAreRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	execute(t, path, `PRAGMA user_version = 99`)
	refused(t, path, sqlite.ErrNewerSchema, "version 99", "up to 2")
	execute(t, path, `PRAGMA user_version = 2`)
	open(t, path)
}

func TestUnusablePathsSayWhatToDo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, filepath.Join(file, "x.db"), nil)
	directory := filepath.Join(dir, "directory.db")
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	refused(t, directory, sqlite.ErrPermission, "make sure that it is a file")
}

func TestDamagedFilesAreReported(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	j := open(t, path)
	if _, err := j.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil { // everything is in the file now
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096; i < len(content); i++ { // all but the first page
		content[i] ^= 0xa5
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, path, sqlite.ErrDamaged, "restore it from a backup")
}

func TestDropDeletesEverything(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "x.db")
	if err := sqlite.Drop(path); err != nil {
		t.Errorf("dropping what does not exist: %v", err)
	}
	j := open(t, path)
	if _, err := j.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := sqlite.Drop(path); !errors.Is(err, sqlite.ErrOwned) {
		t.Errorf("dropping an open file: %v, wanted ErrOwned", err)
	}
	if _, err := j.Projected(t.Context()); err != nil {
		t.Errorf("the refused drop has hurt: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := sqlite.Drop(path); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if snap, err := open(t, path).Load(t.Context()); err != nil || snap.Head != 0 {
		t.Errorf("opened anew the head is at %d (%v)", snap.Head, err)
	}
}

func TestDropFinishesWhatOneBeforeLeft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "x.db")
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	// A directory that is not empty cannot be removed, by root neither.
	obstacle := filepath.Join(path+"-wal", "obstacle")
	if err := os.MkdirAll(obstacle, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := sqlite.Drop(path); err == nil || !strings.Contains(err.Error(), path+"-wal") {
		t.Fatalf("dropping what cannot be removed: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the database itself is left: %v", err)
	}
	if err := os.Remove(obstacle); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := sqlite.Drop(path); err != nil {
			t.Fatal(err)
		}
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

func TestEndedContextOpensNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := filepath.Join(t.TempDir(), "x.db")
	if _, err := sqlite.Open(ctx, sqlite.Options{Path: path}); !errors.Is(err, context.Canceled) {
		t.Errorf("opening: %v, wanted context.Canceled", err)
	}
	open(t, path) // the lock was given back
}

func TestContractsTablesHaveTheirColumns(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	open(t, path)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for table, want := range map[string]string{
		"positions": "position_id account_id symbol quantity available_quantity locked_quantity average_cost market_value currency last_updated created_at metadata",
		"balances":  "balance_id account_id currency available_balance locked_balance total_balance last_updated metadata",
		"settlements": "settlement_id external_id settlement_type account_id symbol quantity status source_account destination_account " +
			"initiated_at completed_at expected_settlement_date metadata",
	} {
		var columns string
		err := db.QueryRowContext(t.Context(), `SELECT group_concat(name, ' ' ORDER BY cid) FROM pragma_table_info(?)`, table).Scan(&columns)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(columns+" ", want+" ") {
			t.Errorf("%s has columns %s, wanted first %s", table, columns, want)
		}
	}
	var mode string
	if err := db.QueryRowContext(t.Context(), `PRAGMA journal_mode`).Scan(&mode); err != nil || mode != "wal" {
		t.Errorf("journal mode is %q (%v), wanted wal", mode, err)
	}
}

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "custodian")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx := context.Background()
	journal, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(dir, "custodian_sim_001.db"), Instance: "custodian-sim-001"})
	if err != nil {
		panic(err)
	}
	defer journal.Close()
	snapshot, err := journal.Load(ctx)
	if err != nil {
		panic(err)
	}
	fmt.Println(snapshot.Head)
	// Output: 0
}
