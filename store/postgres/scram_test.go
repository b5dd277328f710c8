package postgres

import (
	"encoding/base64"
	"strings"
	"testing"
)

// The vector of RFC 7677, section 3, whose server signature and client proof
// follow from these keys.
func TestVerifierIsThatOfTheStandard(t *testing.T) {
	t.Parallel()
	salt, err := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	if err != nil {
		t.Fatal(err)
	}
	const want = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
	if got, err := verifier("pencil", salt, 4096); err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	if _, err := newVerifier("pässword"); err == nil || strings.Contains(err.Error(), "pässword") {
		t.Errorf("a password to be normalised: %v", err)
	}
	one, _ := newVerifier("x")
	two, _ := newVerifier("x")
	if one == two {
		t.Error("two verifiers have one salt")
	}
}

func TestNamesOfRolesAreUniqueAndFit(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 31) + "x" // 63 bytes
	seen := make(map[string]bool)
	for _, c := range [][2]string{{"a", "s"}, {"b", "s"}, {"a", "s2"}, {"as", ""}, {"a", long}, {"a", long[:62]}, {"a", long[:60] + "y"}} {
		name := RoleName(c[0], c[1])
		if seen[name] || len(name) > maxNameBytes || strings.ToValidUTF8(name, "") != name {
			t.Errorf("role of %q: %q", c, name)
		}
		seen[name] = true
	}
	if got := GroupName("trading_ecosystem"); got != "custodian_in_trading_ecosystem" {
		t.Error(got)
	}
	if a, b := GroupName(long), GroupName(long[:62]+"y"); a == b || len(a) > maxNameBytes {
		t.Errorf("groups %q and %q", a, b)
	}
}
