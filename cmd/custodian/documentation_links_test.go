package main

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// A link to a section leads to where it is on the sites that show repositories. That it does in
// the console is tested there.
func TestEveryAnchorOfTheDocumentationIsThere(t *testing.T) {
	t.Parallel()
	sections := make(map[string][]string)
	contents := make(map[string][]byte)
	for _, p := range readPages(t) {
		content, err := os.ReadFile(filepath.Join(top, filepath.FromSlash(p.name)))
		if err != nil {
			t.Fatal(err)
		}
		contents[p.name], sections[p.name] = content, anchors(t, content)
	}
	count := 0
	for name, content := range contents {
		for _, link := range links(t, content) {
			target, anchor, hasAnchor := strings.Cut(link, "#")
			if strings.Contains(target, "://") || !hasAnchor {
				continue
			}
			count++
			page := name
			if target != "" {
				page = path.Join(path.Dir(name), target)
			}
			if !slices.Contains(sections[page], anchor) {
				t.Errorf("%s links to %s, and %s has no such section: %v", name, link, page, sections[page])
			}
		}
	}
	if count < 20 {
		t.Errorf("only %d anchors were looked at", count)
	}
}

// namedPage is a page of this repository, with a section or without, as comments and messages name it.
var namedPage = regexp.MustCompile(`(?:[\w.-]+/)*[\w.-]+\.md\b(?:#[\w-]+)?`)

// What is no page names some, too: comments, messages of the program, examples of configuration.
func TestEveryPageThatIsNamedElsewhereIsThere(t *testing.T) {
	t.Parallel()
	list := exec.CommandContext(t.Context(), "git", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "--",
		"*.go", "*.yaml", "*.yml", "*.js", "*.sh", "*.json", "*.service", "Dockerfile", "Makefile", ".ci", ":!*_test.go", ":!supervisor/admin/console/testdata")
	list.Dir = top
	names, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for name := range strings.Lines(string(names)) {
		name = strings.TrimSpace(name)
		content, err := os.ReadFile(filepath.Join(top, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range namedPage.FindAllString(string(content), -1) {
			count++
			page, anchor, _ := strings.Cut(found, "#")
			at := slices.IndexFunc([]string{page, path.Join(path.Dir(name), page)}, func(candidate string) bool {
				text, err := os.ReadFile(filepath.Join(top, filepath.FromSlash(candidate)))
				return err == nil && (anchor == "" || slices.Contains(anchors(t, text), anchor))
			})
			if at < 0 {
				t.Errorf("%s names %s, which is not there", name, found)
			}
		}
	}
	if count < 15 {
		t.Errorf("only %d names of pages were found", count)
	}
}

// links returns what a page links to or shows.
func links(t *testing.T, content []byte) (out []string) {
	t.Helper()
	walk(t, content, func(n ast.Node) {
		switch n := n.(type) {
		case *ast.Link:
			out = append(out, string(n.Destination))
		case *ast.Image:
			out = append(out, string(n.Destination))
		}
	})
	return out
}

// anchors returns those of a page's headings: in lower case, with letters, digits, _ and - alone,
// spaces as -, and numbered where a title comes again.
func anchors(t *testing.T, content []byte) (out []string) {
	t.Helper()
	walk(t, content, func(n ast.Node) {
		heading, isHeading := n.(*ast.Heading)
		if !isHeading {
			return
		}
		anchor := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, titleOf(heading, content))
		name := anchor
		for n := 1; slices.Contains(out, name); n++ {
			name = anchor + "-" + strconv.Itoa(n)
		}
		out = append(out, name)
	})
	return out
}

// titleOf is what is read of a heading.
func titleOf(n ast.Node, content []byte) string {
	if piece, isText := n.(*ast.Text); isText {
		return string(piece.Segment.Value(content))
	}
	var title strings.Builder
	for child := n.FirstChild(); child != nil; child = child.NextSibling() {
		title.WriteString(titleOf(child, content))
	}
	return title.String()
}

// walk calls visit with each node of a page.
func walk(t *testing.T, content []byte, visit func(ast.Node)) {
	t.Helper()
	document := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(content))
	err := ast.Walk(document, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			visit(n)
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
