package config

import (
	"strings"
	"testing"
)

func TestNamesFollowTheContract(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, schema, prefix string }{
		{"custodian-sim-001", "custodian_sim_001", "custodian:sim:001:"},
		{"", "custodian", "custodian:"},
		{"custodian", "custodian", "custodian:"},
		{"alpha-bank", "alpha_bank", "custodian:alpha:bank:"},
		{"custodians", "custodians", "custodian:custodians:"},
		{"custodian-sim", "custodian_sim", "custodian:sim:"},
		{"a--b", "a__b", "custodian:a::b:"},
	} {
		schema, prefix := Names(c.name)
		if schema != c.schema || prefix != c.prefix {
			t.Errorf("Names(%q) = %q, %q; want %q, %q", c.name, schema, prefix, c.schema, c.prefix)
		}
	}
}

func TestChecksOfNamesSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		check func(string) error
		text  string
		want  string // empty: accepted
	}{
		{CheckName, "custodian-sim-001", ""},
		{CheckName, "9", ""},
		{CheckName, strings.Repeat("a", 63), ""},
		{CheckName, strings.Repeat("a", 64), "at most 63"},
		{CheckName, "", "is required"},
		{CheckName, "Alpha", "DNS label"},
		{CheckName, "-a", "DNS label"},
		{CheckName, "a-", "DNS label"},
		{CheckName, "a.b", "DNS label"},
		{CheckName, "a\n", "DNS label"},
		{CheckSchema, "custodian_sim_001", ""},
		{CheckSchema, "_x", ""},
		{CheckSchema, strings.Repeat("a", 63), ""},
		{CheckSchema, strings.Repeat("a", 64), "at most 63"},
		{CheckSchema, "1x", "identifier"},
		{CheckSchema, `a"b`, "identifier"},
		{CheckSchema, "../x", "identifier"},
		{CheckSchema, "pg_x", "belongs to PostgreSQL"},
		{CheckSchema, "public", "belongs to PostgreSQL"},
		{CheckSchema, "information_schema", "belongs to PostgreSQL"},
		{CheckSchema, "", "is required"},
		{CheckRedisPrefix, "custodian:", ""},
		{CheckRedisPrefix, "custodian:sim:001:", ""},
		{CheckRedisPrefix, "custodian:sim", "end with"},
		{CheckRedisPrefix, "other:", "begin with"},
		{CheckRedisPrefix, "custodian:A:", "must hold only"},
		{CheckRedisPrefix, "custodian:*:", "must hold only"},
		{CheckRedisPrefix, "custodian:service:", "service discovery"},
		{CheckRedisPrefix, "custodian:heartbeat:x:", "service discovery"},
		{CheckRedisPrefix, "custodian:" + strings.Repeat("a", 130) + ":", "at most 128"},
	} {
		err := c.check(c.text)
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("check of %q: got %v, want %q", c.text, err, c.want)
		}
	}
}

// Whatever the name: if it is accepted with all that derives from it, those are
// usable, and two accepted names never share a schema without being told apart.
func FuzzNames(f *testing.F) {
	for _, seed := range []string{"custodian-sim-001", "alpha-bank", "", "custodian", "service", "-", "a--b", "Ä"} {
		f.Add(seed, "custodian-"+seed)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, name := range []string{a, b} {
			if CheckName(name) != nil {
				continue
			}
			schema, prefix := Names(name)
			if len(schema) != len(name) || strings.ContainsAny(schema, "-./\"'") {
				t.Errorf("schema %q of name %q", schema, name)
			}
			if !strings.HasPrefix(prefix, "custodian:") || !strings.HasSuffix(prefix, ":") || !prefixText.MatchString(prefix) {
				t.Errorf("prefix %q of name %q", prefix, name)
			}
		}
		if s := asName(a); s != "" && CheckName(s) != nil {
			t.Errorf("suggested %q for %q", s, a)
		}
		c := Default()
		c.Instances = []Instance{{Name: a}, {Name: b}}
		if Validate(c) != nil {
			return
		}
		schemaA, prefixA := Names(a)
		schemaB, prefixB := Names(b)
		if schemaA == schemaB || strings.HasPrefix(prefixA, prefixB) || strings.HasPrefix(prefixB, prefixA) {
			t.Errorf("%q and %q were accepted together", a, b)
		}
	})
}
