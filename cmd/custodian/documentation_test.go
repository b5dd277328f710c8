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

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
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
	{"README.md", "make release     ", "builds for four platforms, which takes minutes; .ci/run does so for one"},
	{"README.md", "make image  ", "needs docker"},
	{"README.md", "kubectl apply", "needs a cluster"},
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
	case ofOthers.MatchString(b.text):
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

var (
	space     = regexp.MustCompile(`\s+`)
	anID      = regexp.MustCompile(`\b[0-9a-f]{8}-(?:[0-9a-f-]{27}\b|…)`)
	aDigest   = regexp.MustCompile(`\b(?:[0-9a-f]{16,}\b|[0-9a-f]{8,}…)`)
	aDuration = regexp.MustCompile(`\b(?:[0-9]+(?:\.[0-9]+)?(?:h|ms|µs|ns|m|s))+\b`)
)

// alike is an output without what is different each time: ids, digests, durations, space.
func alike(output string) string {
	output = anID.ReplaceAllString(output, "‹id›")
	output = aDigest.ReplaceAllStringFunc(output, func(digits string) string {
		if !strings.ContainsAny(digits, "abcdef") {
			return digits // an amount
		}
		return "‹digest›"
	})
	output = aDuration.ReplaceAllString(output, "‹duration›")
	return space.ReplaceAllString(output, "")
}

// shows reports whether an output is what was printed, but for what it leaves out and what is
// different each time.
func shows(output, printed string) bool {
	parts := strings.Split(alike(output), leftOut)
	rest, found := strings.CutPrefix(alike(printed), parts[0])
	for _, part := range parts[1:] {
		if !found {
			return false
		}
		var before string
		if before, rest, found = strings.Cut(rest, part); part == "" {
			rest, found = before+rest, true
		}
	}
	last := parts[len(parts)-1]
	return found && (rest == "" || len(parts) > 1 && strings.HasSuffix(rest, last))
}

func TestAnOutputShowsWhatWasPrinted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		output, printed string
		want            bool
	}{
		"the same":                        {`{"a": 1}`, `{"a":1}`, true},
		"another":                         {`{"a":2}`, `{"a":1}`, false},
		"the middle left out":             {`{"a":1, … "c":3}`, `{"a":1,"b":2,"c":3}`, true},
		"the end left out":                {`{"a":1, … }`, `{"a":1,"b":2}`, true},
		"all but a part":                  {`{ … "b":2, … }`, `{"a":1,"b":2,"c":3}`, true},
		"a part that is not there":        {`{ … "d":2, … }`, `{"a":1,"b":2,"c":3}`, false},
		"more behind the end":             {`{"a":1}`, `{"a":1}{"b":2}`, false},
		"parts in the order they are not": {`{ … "c":3 … "a":1 … }`, `{"a":1,"b":2,"c":3}`, false},
		"an end that comes twice":         {`{ … }`, `{"a":{}}`, true},
		"an end that is another":          {`{ … "b":2}`, `{"a":1,"b":2,"c":3}`, false},
		"another id":                      {`"01a208b4-62a6-7000-9f47-3329177b6a8e"`, `"01a2152c-7b75-7000-9f0b-9cf091756474"`, true},
		"the beginning of an id":          {`"01a208b4-…"`, `"01a2152c-7b75-7000-9f0b-9cf091756474"`, true},
		"no id":                           {`"01a208b4-…"`, `"alice"`, false},
		"another digest":                  {"4  5ac0ee1f096d6cbe", "4  0cc0ee1f096d6cbf", true},
		"another long amount":             {"1000000000000000001", "1000000000000000002", false},
		"another duration":                {"(8 steps, 10.9ms)", "(8 steps, 1m3s)", true},
		"another count":                   {"(8 steps, 10.9ms)", "(9 steps, 10.9ms)", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := shows(c.output, c.printed); got != c.want {
				t.Errorf("shows(%s, %s) = %t", c.output, c.printed, got)
			}
		})
	}
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

var (
	ourCommand = regexp.MustCompile(`(?m)(?:^|[\s(|;&])(?:bin/)?custodian((?:[ \t]+[^\s|;&<>()#]+)+)`)
	makeTarget = regexp.MustCompile(`(?m)(?:^|[\s(|;&])make((?:[ \t]+[^\s|;&<>()#]+)+)`)
	aComment   = regexp.MustCompile(`(?m)(^|[ \t])#.*$`)
	longFlag   = regexp.MustCompile(`^--[a-z]`)
)

// named calls check with each piece of the documentation that is a command, or names one.
func named(t *testing.T, check func(where, text string)) {
	t.Helper()
	for _, p := range readPages(t) {
		for _, s := range p.spans {
			if first, _, _ := strings.Cut(s.text, " "); first == "custodian" || first == "bin/custodian" || first == "make" || longFlag.MatchString(first) {
				check(p.at(s.line), s.text)
			}
		}
		for _, b := range p.parts {
			switch {
			case b.comment, b.kind == source, b.kind == document, b.kind == unknown:
			case b.kind == session:
				for _, e := range b.examples() {
					check(p.at(e.line), aComment.ReplaceAllString(e.command, "$1"))
				}
			default:
				check(p.at(b.line), aComment.ReplaceAllString(b.text, "$1"))
			}
		}
	}
}

func TestEveryCommandAndOptionThatIsDocumentedExists(t *testing.T) {
	t.Parallel()
	root := (&app{}).root()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	count := 0
	anywhere := make(map[string]bool)
	commandsOf(root, func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { anywhere[f.Name] = true })
		cmd.InheritedFlags().VisitAll(func(f *pflag.Flag) { anywhere[f.Name] = true })
	})
	named(t, func(where, text string) {
		if longFlag.MatchString(text) {
			count++
			if name := flagName(strings.Fields(text)[0]); !anywhere[name] {
				t.Errorf("%s: no command has the option --%s", where, name)
			}
		}
		for _, found := range ourCommand.FindAllStringSubmatch(strings.ReplaceAll(text, "\\\n", " "), -1) {
			count++
			if err := exists(root, strings.Fields(found[1])); err != nil {
				t.Errorf("%s: custodian%s: %v", where, found[1], err)
			}
		}
	})
	if count < 100 {
		t.Errorf("only %d commands were found", count)
	}
}

func flagName(word string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(word, "--"), "=")
	return name
}

// exists looks for the command that the words begin with, and for the options among them.
func exists(cmd *cobra.Command, words []string) error {
	for _, word := range words {
		if longFlag.MatchString(word) {
			if name := flagName(word); name != "help" && cmd.Flags().Lookup(name) == nil && cmd.InheritedFlags().Lookup(name) == nil {
				return fmt.Errorf("%s has no option --%s", cmd.CommandPath(), name)
			}
			continue
		}
		if !cmd.HasSubCommands() || strings.HasPrefix(word, "-") {
			continue
		}
		at := slices.IndexFunc(cmd.Commands(), func(c *cobra.Command) bool { return c.Name() == word })
		if at < 0 {
			return fmt.Errorf("%s has no command %s", cmd.CommandPath(), word)
		}
		cmd = cmd.Commands()[at]
	}
	return nil
}

func TestEveryTargetThatIsDocumentedExists(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join(top, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	makefile := string(content)
	targets := make(map[string]bool)
	for _, found := range regexp.MustCompile(`(?m)^([a-z-]+):`).FindAllStringSubmatch(makefile, -1) {
		targets[found[1]] = true
	}
	for _, found := range regexp.MustCompile(`(?m)^TOOL_([a-z-]+)\s*:=`).FindAllStringSubmatch(makefile, -1) {
		targets["tool-"+found[1]] = true
	}
	count := 0
	named(t, func(where, text string) {
		for _, found := range makeTarget.FindAllStringSubmatch(text, -1) {
			for _, word := range strings.Fields(found[1]) {
				count++
				variable, _, sets := strings.Cut(word, "=")
				switch {
				case strings.HasPrefix(word, "-"): // make's own
				case sets && !strings.Contains(makefile, "$("+variable+")"):
					t.Errorf("%s: the Makefile does not use %s", where, variable)
				case !sets && !targets[word]:
					t.Errorf("%s: there is no target %s", where, word)
				}
			}
		}
	})
	if count < 30 {
		t.Errorf("only %d targets and variables were found", count)
	}
}
