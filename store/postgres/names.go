package postgres

import (
	"fmt"
	"hash/fnv"
	"strings"
	"unicode"

	"github.com/jackc/pgx/v5"
)

// supervisorSchema holds the documents of supervisors.
const supervisorSchema = "custodian_supervisor"

// maxNameBytes is PostgreSQL's limit, beyond which it cuts names silently.
const maxNameBytes = 63

// checkSchema refuses names that PostgreSQL would cut, reserve or misread.
func checkSchema(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("schema: a name is required")
	case len(name) > maxNameBytes:
		return fmt.Errorf("schema %q: at most %d bytes are allowed", name, maxNameBytes)
	case strings.ContainsFunc(name, notInName):
		return fmt.Errorf("schema %q: only letters, digits, '_' and '-' are allowed", name)
	case strings.HasPrefix(name, "pg_"), name == "information_schema", name == supervisorSchema:
		return fmt.Errorf("schema %q: the name is reserved", name)
	}
	return nil
}

func notInName(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '-'
}

func quoteName(name string) string { return pgx.Identifier{name}.Sanitize() }

// lockKey is the key of an advisory lock. It depends on nothing but its
// arguments, so that every version of the program agrees on it.
func lockKey(purpose, schema string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(purpose + "\x00" + schema)) // never fails
	return int64(h.Sum64())                           // any 64 bits are a key
}
