package console_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	quoted = regexp.MustCompile("`([^`]*)`|( with )")
	// wholes are the directories that the names of packages begin with where they are given in full.
	wholes = regexp.MustCompile(`^(cmd|configs|obs|sim|store|supervisor)(/|$)`)
)

// packagesOf returns the packages that a row of the table names. After "with" come the names of packages
// below the one before it.
func packagesOf(cell string) []string {
	var out []string
	above, below := "", false
	for _, match := range quoted.FindAllStringSubmatch(cell, -1) {
		switch name := match[1]; {
		case name == "":
			below = true
		case wholes.MatchString(name):
			out = append(out, name)
			above, below = name, false
		case below:
			out = append(out, above+"/"+name)
		default:
			out = append(out, name)
		}
	}
	return out
}

// Who looks for the place of something finds each package in the table, and each name of it in the tree.
func TestTheTableOfPackagesIsThatOfTheTree(t *testing.T) {
	t.Parallel()
	const top = "../../.."
	readme, err := os.ReadFile(top + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(readme), "\n| package | |\n| --- | --- |\n")
	if !found {
		t.Fatal("README.md has no table of packages")
	}
	named := make(map[string]bool)
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			break
		}
		for _, name := range packagesOf(cells[1]) {
			if named[name] {
				t.Errorf("README.md names %s twice", name)
			}
			named[name] = true
		}
	}

	inTree := make(map[string]bool)
	err = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != top && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !d.IsDir() && filepath.Ext(path) == ".go" {
			name, err := filepath.Rel(top, filepath.Dir(path))
			inTree[filepath.ToSlash(name)] = true
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range inTree {
		if !named[name] {
			t.Errorf("the table of packages of README.md lacks %s", name)
		}
	}
	for name := range named {
		if !inTree[name] {
			t.Errorf("the table of packages of README.md names %s, which is no package", name)
		}
	}
}
