package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
	"go.yaml.in/yaml/v3"
)

// The documentation is held against the program. Each block of each page has a kind, which
// says what documentation_integration_test.go does with it; what a page names has to exist.

// top is the top of the repository.
const top = "../.."

// exempt are blocks that are not played, by page and first line.
var exempt = []struct{ page, first, reason string }{
	{"README.md", "make run         #", "lists targets, which are played below or take minutes"},
	{"README.md", "make test        #", "lists targets, which take minutes to hours; that they exist is looked at here"},
	{"configs/deploy.md", "make release     ", "builds for four platforms, which takes minutes; .ci/run does so for one"},
	{"configs/deploy.md", "make image  ", "needs docker"},
	{"configs/deploy.md", "kubectl apply", "needs a cluster"},
	{"testdata/examples/README.md", "node testdata/examples/", "needs Node.js, where a test of sim/custodiantest runs it"},
	{"testdata/examples/README.md", "make tool-esbuild", "needs Node.js, where the same test does this"},
	{"testdata/api/README.md", "error", "takes an interface that breaks callers; .ci/run compares the one that there is"},
	{"cmd/custodian/README.md", "custodian completion bash >", "writes where root may alone"},
	{"cmd/custodian/README.md", "custodian completion bash > $(brew", "is for macOS"},
	{"cmd/custodian/README.md", "custodian completion fish |", "needs fish"},
	{"cmd/custodian/README.md", "custodian completion fish >", "is for fish"},
	{"cmd/custodian/README.md", "custodian completion powershell |", "needs PowerShell"},
	{"cmd/custodian/README.md", "echo \"autoload", "is for zsh"},
	{"cmd/custodian/README.md", "source <(custodian completion zsh", "needs zsh"},
	{"cmd/custodian/README.md", "custodian completion zsh >", "is for zsh"},
}

// kind is what is done with a block.
type kind string

const (
	unknown  kind = ""         // a block that nobody knows how to play fails the test
	session  kind = "session"  // commands after "$ " and what they print
	commands kind = "commands" // commands alone
	usage    kind = "usage"    // how a command is called, as its --help says
	file     kind = "file"     // written into the session's directory, for commands that follow
	settings kind = "settings" // YAML of a configuration, or a part of one
	script   kind = "script"   // YAML of a scenario
	foreign  kind = "foreign"  // YAML of another program
	document kind = "JSON"
	source   kind = "Go"
	excused  kind = "exempt"
)

// page is a Markdown file, with its blocks of code, the comments that tell how to play them,
// and the spans of code in its text.
type page struct {
	name  string // from the top of the repository
	parts []part
	spans []span
}

// part is a block of code, or a comment.
type part struct {
	line    int
	comment bool
	info    string // language of a fenced block
	text    string
	kind    kind
	file    string // name of a block that is a file
	of      string // program that a block of YAML is for
	with    string // what a block of Go is to be compiled with
}

type span struct {
	line int
	text string
}

func (p page) at(line int) string { return fmt.Sprintf("%s:%d", p.name, line) }

// readPages returns all pages that are under version control, or will be.
func readPages(t *testing.T) []page {
	t.Helper()
	list := exec.CommandContext(t.Context(), "git", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "*.md")
	list.Dir = top
	names, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	var pages []page
	for name := range strings.Lines(string(names)) {
		name = strings.TrimSpace(name)
		content, err := os.ReadFile(filepath.Join(top, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		p, err := parsePage(name, content)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		pages = append(pages, p)
	}
	return pages
}

func parsePage(name string, content []byte) (page, error) {
	p := page{name: name}
	tree := goldmark.New(goldmark.WithExtensions(extension.Table)).Parser().Parse(text.NewReader(content))
	lineAt := func(offset int) int { return 1 + strings.Count(string(content[:offset]), "\n") }
	line := 1
	err := ast.Walk(tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.CodeSpan:
			var code strings.Builder
			for child := n.FirstChild(); child != nil; child = child.NextSibling() {
				if piece, isText := child.(*ast.Text); isText {
					line = lineAt(piece.Segment.Start)
					code.Write(piece.Segment.Value(content))
				}
			}
			p.spans = append(p.spans, span{line, space.ReplaceAllString(code.String(), " ")})
			return ast.WalkSkipChildren, nil
		case *ast.CodeBlock:
			p.parts = append(p.parts, part{line: lineAt(n.Lines().At(0).Start), text: string(n.Lines().Value(content))})
		case *ast.FencedCodeBlock:
			if n.Lines().Len() > 0 {
				p.parts = append(p.parts, part{line: lineAt(n.Lines().At(0).Start), info: string(n.Language(content)), text: string(n.Lines().Value(content))})
			}
		case *ast.HTMLBlock:
			text := string(n.Lines().Value(content))
			if n.HasClosure() {
				text += string(n.ClosureLine.Value(content))
			}
			if body, isComment := strings.CutPrefix(text, "<!--"); isComment {
				body, _, _ = strings.Cut(body, "-->")
				p.parts = append(p.parts, part{line: lineAt(n.Lines().At(0).Start), comment: true, text: strings.TrimSpace(body)})
			}
		}
		return ast.WalkContinue, nil
	})
	for i := range p.parts {
		if before := p.parts[max(i-1, 0)]; before.comment && !p.parts[i].comment {
			p.parts[i].file = after(before.text, "file:")
			p.parts[i].of = after(before.text, "of:")
			p.parts[i].with = after(before.text, "with:")
		}
		p.parts[i].kind = p.kindOf(p.parts[i])
	}
	return p, err
}

// after returns what follows a mark, nothing where there is none.
func after(text, mark string) string {
	if rest, found := strings.CutPrefix(text, mark); found {
		return strings.TrimSpace(rest)
	}
	return ""
}

var (
	program   = regexp.MustCompile(`^(bin/)?(custodian|make|curl|grpcurl|psql|redis-cli|openssl|source|cp|mkdir|cat|export|docker|kubectl|sudo|systemctl|go|git|promtool|prometheus|echo) `)
	goCode    = regexp.MustCompile(`^(package|func|import) `)
	ofOthers  = regexp.MustCompile(`(?m)^(services|jobs|on|apiVersion|scrape_configs|groups|stages):`)
	usageLine = regexp.MustCompile(`^custodian( [a-z-]+)*( \[?[A-Z]+…?\]?| \[command\]| instance\|admin)*\n$`)
)

func (p page) kindOf(b part) kind {
	switch {
	case b.comment:
		return unknown
	case slices.ContainsFunc(exempt, func(e struct{ page, first, reason string }) bool {
		return e.page == p.name && strings.HasPrefix(b.text, e.first)
	}):
		return excused
	case b.file != "":
		return file
	case strings.HasPrefix(b.text, "$ "):
		return session
	case p.name == "cmd/custodian/README.md" && usageLine.MatchString(b.text):
		return usage
	case b.info == "go" || goCode.MatchString(b.text):
		return source
	case b.info == "sh" || b.info == "bash" || program.MatchString(b.text):
		return commands
	case json.Valid([]byte(b.text)):
		return document
	}
	var tree yaml.Node
	if err := yaml.Unmarshal([]byte(b.text), &tree); err != nil || len(tree.Content) == 0 || tree.Content[0].Kind == yaml.ScalarNode {
		return unknown
	}
	switch {
	case b.of != "" || ofOthers.MatchString(b.text):
		return foreign
	case strings.Contains(b.text, "\nsteps:"):
		return script
	default:
		return settings
	}
}

// example is a command of a block and what it is shown to print.
type example struct {
	line    int
	command string // "^C" is the key
	output  string
}

const (
	leftOut   = "…" // stands for what an output leaves out
	interrupt = "^C"
)

// examples returns what is to be run of a block: of a session, or of commands alone.
func (b part) examples() []example {
	var all []example
	line, inCommand := b.line-1, false
	for text := range strings.Lines(b.text) {
		line++
		command, prompted := strings.CutPrefix(text, "$ ")
		switch {
		case inCommand:
			all[len(all)-1].command += text
		case b.kind == session && !prompted && strings.TrimSpace(text) != interrupt:
			all[len(all)-1].output += text
		case strings.TrimSpace(text) == "":
			continue
		default:
			all = append(all, example{line: line, command: command})
		}
		inCommand = (inCommand || prompted || b.kind != session) && goesOn(all[len(all)-1].command)
	}
	for i := range all {
		all[i].command = strings.TrimSpace(all[i].command)
	}
	return all
}

var hereDocument = regexp.MustCompile(`<<-?'?([A-Z]+)'?`)

// goesOn reports whether more of a command has to follow: after a backslash, in a quotation,
// or in a document that has not ended.
func goesOn(command string) bool {
	if begin := hereDocument.FindStringSubmatch(command); begin != nil {
		return !strings.Contains(command, "\n"+begin[1]+"\n")
	}
	quote, before := rune(0), '\n'
	comment, escaped := false, false
	for _, r := range strings.TrimSuffix(command, "\n") {
		switch {
		case comment:
			comment = r != '\n'
		case escaped:
			escaped = false
		case quote != 0:
			if r == quote {
				quote = 0
			}
			escaped = r == '\\' && quote == '"'
		case r == '\'' || r == '"':
			quote = r
		case r == '\\':
			escaped = true
		case r == '#':
			comment = before == ' ' || before == '\n'
		}
		before = r
	}
	return quote != 0 || escaped
}

func TestCommandsAreReadOffABlock(t *testing.T) {
	t.Parallel()
	block := part{line: 5, kind: session, text: `$ A=1    # the reader's own
$ curl -s $A \
    -d '{"x":
         1}'
{"answer":1}
$ grpcurl <<'END'
{"y":1}
END
$ custodian serve
ready
^C
drained
`}
	want := []example{
		{5, "A=1    # the reader's own", ""},
		{6, "curl -s $A \\\n    -d '{\"x\":\n         1}'", "{\"answer\":1}\n"},
		{10, "grpcurl <<'END'\n{\"y\":1}\nEND", ""},
		{13, "custodian serve", "ready\n"},
		{15, interrupt, "drained\n"},
	}
	if got := block.examples(); !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	block = part{line: 1, kind: commands, text: "custodian man\n\ncustodian version\n"}
	if got := block.examples(); !slices.Equal(got, []example{{1, "custodian man", ""}, {3, "custodian version", ""}}) {
		t.Errorf("got %+v", got)
	}
}

func TestEveryBlockOfTheDocumentationHasAKind(t *testing.T) {
	t.Parallel()
	counts := make(map[kind]int)
	used := make([]bool, len(exempt))
	for _, p := range readPages(t) {
		for _, b := range p.parts {
			if b.comment {
				continue
			}
			counts[b.kind]++
			if b.kind == unknown {
				t.Errorf("%s: nobody knows how to play or check this block; the kinds are those of kindOf, and what no test can run is in exempt:\n%s", p.at(b.line), b.text)
			}
			for n, e := range exempt {
				used[n] = used[n] || e.page == p.name && strings.HasPrefix(b.text, e.first)
			}
		}
	}
	for n, e := range exempt {
		if !used[n] {
			t.Errorf("%s has no block that begins with %q; take it out of exempt", e.page, e.first)
		}
	}
	if counts[session] < 20 || counts[commands] < 10 || counts[settings] < 2 {
		t.Errorf("too few blocks were found: %v", counts)
	}
}
