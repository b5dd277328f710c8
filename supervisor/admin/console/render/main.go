// Command render makes the pages of documentation that the console serves of the
// Markdown files that lie beside what they document. It is run by go generate in
// supervisor/admin/console, and what it makes is checked in: it has to be within the
// program, and nothing outside of a package can be embedded.
package main

import (
	"bytes"
	"fmt"
	"html/template"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// root is the top of the repository, as seen from where go generate runs.
const root = "../../.."

// document is a Markdown file and the page that becomes of it.
type document struct{ source, page, title string }

// documents are all there are, in the order of the list on each page.
var documents = []document{
	{"README.md", "index", "The first minute"},
	{"sim/settle.md", "settle", "Settle"},
	{"sim/faults.md", "faults", "Script failures"},
	{"testdata/scenarios/write.md", "write", "Write a scenario"},
	{"sim/call.md", "call", "Call it"},
	{"configs/ci.md", "ci", "Run in CI"},
	{"supervisor/configure.md", "configure", "Configure"},
	{"supervisor/manage.md", "manage", "Manage instances"},
	{"configs/secure.md", "secure", "Secure it"},
	{"configs/deploy.md", "deploy", "Deploy"},
	{"store/README.md", "store", "PostgreSQL and Redis"},
	{"configs/upgrade.md", "upgrade", "Upgrade"},
	{"configs/migrate.md", "migrate", "Migrate"},
	{"configs/README.md", "configs", "Files"},
	{"supervisor/config/README.md", "configuration", "Configuration"},
	{"cmd/custodian/README.md", "commands", "Commands"},
	{"sim/README.md", "sim", "The custodian"},
	{"supervisor/README.md", "supervisor", "What goes wrong"},
	{"obs/README.md", "obs", "Metrics"},
	{"sim/httpapi/problem/README.md", "errors", "Errors"},
	{"testdata/architecture/README.md", "architecture", "Architecture"},
	{"testdata/scenarios/README.md", "scenarios", "Scenarios"},
	{"testdata/examples/README.md", "examples", "Clients"},
	{"testdata/api/README.md", "api", "API baselines"},
	{"cmd/bench/README.md", "bench", "Figures"},
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "render:", err)
		os.Exit(1)
	}
}

func run() error {
	for _, d := range documents {
		source, err := os.ReadFile(filepath.Join(root, d.source))
		if err != nil {
			return err
		}
		page, err := render(d, source)
		if err != nil {
			return fmt.Errorf("%s: %w", d.source, err)
		}
		if err := os.WriteFile(filepath.Join("docs", d.page+".html"), page, 0o644); err != nil { //nolint:gosec // as all files of the repository
			return err
		}
	}
	return nil
}

var frame = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{.Title}} – Custodians</title>
<link rel="icon" href="/console/static/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/console/static/style.css">
</head>
<body>
<a class="skip" href="#main">To the content</a>
<header class="top"><img src="/console/static/icon.svg" alt="" width="26" height="26"><strong>Custodians</strong>
<nav aria-label="Console"><a href="/">Instances</a></nav></header>
<div class="docs"><nav aria-label="Documentation"><ul>
{{- range .All}}<li><a href="{{.Address}}"{{if .Here}} aria-current="page"{{end}}>{{.Title}}</a></li>{{end -}}
</ul></nav>
<main id="main" tabindex="-1">
{{.Content}}</main></div>
</body>
</html>
`))

type entry struct {
	Address, Title string
	Here           bool
}

// render makes a page of a document.
func render(d document, source []byte) ([]byte, error) {
	markdown := goldmark.New(goldmark.WithExtensions(extension.Table), goldmark.WithParserOptions(parser.WithAutoHeadingID()))
	tree := markdown.Parser().Parse(text.NewReader(source))
	if err := adapt(tree, d); err != nil {
		return nil, err
	}
	var content bytes.Buffer
	if err := markdown.Renderer().Render(&content, source, tree); err != nil {
		return nil, err
	}
	// Who cannot point scrolls what is wide with the keys.
	html := strings.NewReplacer("</table>", "</table></div>", "<pre>", `<pre tabindex="0">`,
		"<th></th>", "<td></td>", // a heading without text is none
	).Replace(content.String())
	for n := 1; strings.Contains(html, "<table>"); n++ {
		html = strings.Replace(html, "<table>", fmt.Sprintf(`<div class="scroll" tabindex="0" role="region" aria-label="Table %d"><table >`, n), 1)
	}
	html = strings.ReplaceAll(html, "<table >", "<table>")
	var all []entry
	for _, other := range documents {
		all = append(all, entry{address(other), other.title, other == d})
	}
	var out bytes.Buffer
	err := frame.Execute(&out, struct {
		Title   string
		All     []entry
		Content template.HTML
	}{d.title, all, template.HTML(html)}) //nolint:gosec // of our own files, in which HTML is not let through
	return out.Bytes(), err
}

// address is where a page is served.
func address(d document) string {
	if d.page == "index" {
		return "/docs/"
	}
	return "/docs/" + d.page
}

// adapt leads the links of a document to the pages that are there, and has pictures
// served beside them. Links to other files of the repository become their text.
func adapt(tree ast.Node, d document) error {
	var change []func()
	err := ast.Walk(tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.HTMLBlock: // comments
			change = append(change, func() { n.Parent().RemoveChild(n.Parent(), n) })
		case *ast.Image:
			name, err := picture(d, string(n.Destination))
			if err != nil {
				return ast.WalkStop, err
			}
			n.Destination = []byte("/docs/" + name)
		case *ast.Link:
			target, found, err := resolve(d, string(n.Destination))
			if err != nil {
				return ast.WalkStop, err
			}
			if found {
				n.Destination = []byte(target)
			} else {
				change = append(change, func() { become(n) })
			}
		}
		return ast.WalkContinue, nil
	})
	for _, fn := range change {
		fn()
	}
	return err
}

// picture copies one that a document shows to where the pages are, and returns its
// name there.
func picture(d document, destination string) (string, error) {
	content, err := os.ReadFile(filepath.Join(root, path.Dir(d.source), destination))
	if err != nil {
		return "", err
	}
	name := path.Base(destination)
	return name, os.WriteFile(filepath.Join("docs", name), content, 0o644) //nolint:gosec // as all files of the repository
}

// become puts what is within a node in its place.
func become(n ast.Node) {
	parent := n.Parent()
	for child := n.FirstChild(); child != nil; child = n.FirstChild() {
		parent.InsertBefore(parent, n, child)
	}
	parent.RemoveChild(parent, n)
}

// resolve returns where a link of a document leads to among the pages; false where
// there is no page for it.
func resolve(d document, destination string) (string, bool, error) {
	u, err := url.Parse(destination)
	if err != nil {
		return "", false, err
	}
	if u.Scheme != "" || u.Path == "" {
		return destination, true, nil
	}
	file := path.Join(path.Dir(d.source), u.Path)
	if _, err := os.Stat(filepath.Join(root, file)); err != nil {
		return "", false, fmt.Errorf("link to %s: %w", destination, err)
	}
	for _, other := range documents {
		if other.source == file {
			if u.Fragment != "" {
				return address(other) + "#" + u.Fragment, true, nil
			}
			return address(other), true, nil
		}
	}
	return "", false, nil
}
