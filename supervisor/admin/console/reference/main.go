// Command reference makes what the documentation says of configuration, metrics,
// errors and packages from the code that has them. It is run by go generate in
// supervisor/admin/console, and writes into Markdown files between the comments
// <!-- generated: NAME --> and <!-- end of NAME -->. What stands around them is
// written by hand.
package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// module begins the paths of all packages of this repository.
const module = "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/"

// tree is the repository.
type tree struct {
	root     string
	comments map[string]fieldComments // by package
}

func newTree(root string) *tree {
	return &tree{root: root, comments: make(map[string]fieldComments)}
}

// part makes what stands between two comments.
type part func() (string, error)

// parts are all there are, by file and name.
func (t *tree) parts() map[string]map[string]part {
	metrics := map[string]part{"instance": instanceMetrics, "process": processMetrics, "buckets": buckets}
	if runtime.GOOS == "linux" { // what a process tells of itself differs
		metrics["runtime"] = runtimeMetrics
	}
	return map[string]map[string]part{
		"obs/README.md":                   metrics,
		"sim/httpapi/problem/README.md":   {"problems": problems, "meanings": meanings, "bare": bareStatuses},
		"testdata/architecture/README.md": {"packages": t.packageTable},
		"supervisor/config/README.md": {
			"process": t.processKeys, "instance": t.instanceKeys, "settings": t.settingsKeys,
			"expressions": t.expressions, "profiles": profileValues, "variables": variables, "single": singleVariables,
		},
	}
}

func main() {
	if err := run("../../.."); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	files, err := newTree(root).files()
	if err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o644); err != nil { //nolint:gosec // as all files of the repository
			return err
		}
	}
	return nil
}

// files returns what each file has to hold.
func (t *tree) files() (map[string]string, error) {
	out := make(map[string]string)
	for file, parts := range t.parts() {
		text, err := os.ReadFile(filepath.Join(t.root, file))
		if err != nil {
			return nil, err
		}
		page := string(text)
		for _, name := range slices.Sorted(maps.Keys(parts)) {
			content, err := parts[name]()
			if err == nil {
				page, err = fill(page, name, content)
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", file, name, err)
			}
		}
		out[file] = page
	}
	edges, err := t.edges()
	if err != nil {
		return nil, err
	}
	out["testdata/architecture/packages.svg"] = newDiagram(edges).svg()
	return out, nil
}

// fill puts content between the comments of a page that are for it.
func fill(page, name, content string) (string, error) {
	begin, end := "<!-- generated: "+name+" -->\n", "<!-- end of "+name+" -->\n"
	before, rest, begins := strings.Cut(page, begin)
	_, after, ends := strings.Cut(rest, end)
	if !begins || !ends {
		return "", errors.New("the comments between which it goes are not there")
	}
	return before + begin + "\n" + strings.TrimSpace(content) + "\n\n" + end + after, nil
}

// table is one of Markdown.
type table struct{ rows [][]string }

// newTable returns one with a heading.
func newTable(heading ...string) *table {
	t := &table{}
	t.add(heading...)
	rule := make([]string, len(heading))
	for i := range rule {
		rule[i] = "---"
	}
	t.add(rule...)
	return t
}

func (t *table) add(cells ...string) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = strings.ReplaceAll(c, "|", `\|`)
	}
	t.rows = append(t.rows, row)
}

func (t *table) String() string {
	var out strings.Builder
	for _, row := range t.rows {
		out.WriteString("| " + strings.Join(row, " | ") + " |\n")
	}
	return out.String()
}

// code shows text as such; nothing where there is none.
func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}
