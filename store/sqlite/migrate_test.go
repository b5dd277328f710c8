package sqlite

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest"
)

// version returns what a file says about itself.
func version(t *testing.T, d *database) int {
	t.Helper()
	id, err := identify(t.Context(), d.read)
	if err != nil {
		t.Fatal(err)
	}
	return id.version
}

func TestMigrationsGoForwardWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	d, err := openDatabase(filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.close() }() // the test is over
	first := kind{"a test", 7, []string{`CREATE TABLE a (n INTEGER); INSERT INTO a VALUES (1)`}}
	second := kind{"a test", 7, append(first.steps, `ALTER TABLE a ADD COLUMN m INTEGER; UPDATE a SET m = n + 1`)}
	broken := kind{"a test", 7, append(second.steps, `CREATE TABLE b (n INTEGER)`, `CREATE TABLE a (n INTEGER)`)}

	for i, k := range []kind{first, second} {
		if found, err := d.migrate(t.Context(), k); err != nil || found != i {
			t.Fatalf("migrating found version %d (%v), wanted %d", found, err, i)
		}
		if found, err := d.migrate(t.Context(), k); err != nil || found != i+1 {
			t.Fatalf("migrating again found version %d (%v), wanted %d", found, err, i+1)
		}
	}
	if _, err := d.migrate(t.Context(), broken); err == nil || !strings.Contains(err.Error(), "from version 3") {
		t.Errorf("a broken migration: %v", err)
	}
	if got := version(t, d); got != 2 {
		t.Errorf("after a broken migration the version is %d, wanted 2", got)
	}
	var sum, tables int
	err = d.read.QueryRowContext(t.Context(), `SELECT n + m, (SELECT count(*) FROM sqlite_schema) FROM a`).Scan(&sum, &tables)
	if err != nil || sum != 3 || tables != 1 {
		t.Errorf("sum %d, %d tables (%v); wanted 3 and 1", sum, tables, err)
	}
}

func TestBooksOfTheFirstVersionAreUpgradedWithTheirRows(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	d, err := openDatabase(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.migrate(t.Context(), kind{journalFile.name, journalFile.applicationID, journalFile.steps[:1]}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.write.ExecContext(t.Context(), storetest.FirstBooks("", "x'000102030405060708090a0b0c0d0e0f'")); err != nil {
		t.Fatal(err)
	}
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
	j, err := Open(t.Context(), Options{Path: path, Instance: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }() // the test is over
	if got := version(t, j.database); got != len(journalFile.steps) {
		t.Errorf("the file has version %d, wanted %d", got, len(journalFile.steps))
	}
	storetest.CheckUpgraded(t, j)
}
