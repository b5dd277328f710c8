//go:build integration

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
)

// How the blocks of the documentation are played
//
// The blocks of a page are played from top to bottom by one bash, in a directory that has
// copies of what the commands use and nothing else; a comment begins anew:
//
//	<!-- play: afresh, with PostgreSQL and Redis
//	cp configs/local.yaml custodian.yaml
//	-->
//
// The lines are run unseen, also without "afresh": what readers are told to have done. With the
// servers, which are this session's own, come their addresses as POSTGRES_URL, POSTGRES_ADMIN_URL,
// REDIS_URL and REDIS_ADMIN_URL, and what psql needs. "<!-- file: NAME -->" has the next block
// written into that file (in it "name: desk, sha256: …" is the hash of what is in desk.key).
// "<!-- of: PROGRAM -->" says that a block of YAML is for another program, where that does not
// show; "<!-- with: CODE -->" has a block of Go compiled together with that code.
//
// What is written below a command has to be what it prints, as [shows] compares; a command with
// nothing below it has to exit 0. Commands that go on for ever stay running once they have printed
// what is below them, until the next of them, unless one ends with " &", or until a line "^C"; who
// follows something is ended at once. Ports are moved to free ones, and back in what is printed.
//
// "NAME=…" takes the value that NAME has, and "ID=01a2…  # the transfer_id of the answer" that
// field of what was printed last.

// patienceOfReaders bounds what each command takes.
const patienceOfReaders = 45 * time.Second

// unseen are commands that are run before blocks of generated pages, which have no comments.
var unseen = []struct{ page, first, commands string }{
	{"cmd/custodian/README.md", "custodian config get\n", "custodian serve --config configs/local.yaml"},
	{"cmd/custodian/README.md", "custodian doctor --config", interrupt + "\nexport CUSTODIAN_STORAGE_POSTGRES_URL=$POSTGRES_URL CUSTODIAN_REDIS_URL=$REDIS_URL"},
	{"cmd/custodian/README.md", "custodian events --follow", "custodian serve --config configs/local.yaml\ncustodian instance add alpine-bank"},
	{"cmd/custodian/README.md", "custodian instance add alpine-bank", "custodian instance remove alpine-bank --purge --yes\necho 'name: geneva-bank' >entry.yaml"},
	{"cmd/custodian/README.md", "custodian instance restore custodian-sim-001", "custodian instance snapshot custodian-sim-001 --to monday.custodian"},
	{"cmd/custodian/README.md", "custodian provision --config", "export CUSTODIAN_REDIS_ADMIN_URL=$REDIS_ADMIN_URL\necho \"$POSTGRES_ADMIN_URL\" >admin.url"},
	{"cmd/custodian/README.md", "custodian scenario run testdata", "cp testdata/scenarios/settlement/08-settle-in-house.yaml dvp.yaml"},
	{"cmd/custodian/README.md", "custodian verify --config", interrupt},
}

func TestTheDocumentationIsPlayed(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "custodian")
	build := exec.CommandContext(t.Context(), "make", "build", "BINARY="+binary)
	build.Dir, build.Env = top, surroundings()
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v: %s", err, out)
	}
	for _, p := range readPages(t) {
		for _, parts := range p.sessions() {
			t.Run(p.at(parts[0].line), func(t *testing.T) {
				t.Parallel()
				(&player{t: t, page: p, binary: binary}).play(parts)
			})
		}
	}
}

const (
	playMark = "play:"
	anew     = "afresh"
)

// sessions returns the parts of a page that are played together.
func (p page) sessions() [][]part {
	var all [][]part
	for _, b := range p.parts {
		options, _, _ := strings.Cut(b.text, "\n")
		if len(all) == 0 || b.comment && strings.HasPrefix(b.text, playMark) && strings.Contains(options, anew) {
			all = append(all, nil)
		}
		all[len(all)-1] = append(all[len(all)-1], b)
	}
	return all
}

// player plays a session.
type player struct {
	t      *testing.T
	page   page
	binary string

	dir      string
	ports    ports
	placed   map[int]bool // that were put in the place of documented ones
	postgres *servers.Postgres
	redis    *servers.Redis

	bash    io.Writer
	told    *os.File // what became of commands, a number in a line each
	answers *bufio.Reader
	count   int
	printed string // by the command before
	running []*lasting
}

func (p *player) play(parts []part) {
	for _, b := range parts {
		at := p.page.at(b.line)
		for _, u := range unseen {
			if u.page == p.page.name && strings.HasPrefix(b.text, u.first) {
				p.prepare(at, u.commands)
			}
		}
		switch {
		case b.comment && strings.HasPrefix(b.text, playMark):
			options, lines, _ := strings.Cut(b.text, "\n")
			p.begin(strings.Contains(options, "PostgreSQL"), strings.Contains(options, "Redis"))
			p.prepare(at, lines)
		case b.comment, b.kind == excused:
		case b.kind == session, b.kind == commands:
			for _, e := range b.examples() {
				p.example(e)
			}
		case b.kind == usage:
			p.usage(at, strings.TrimSpace(b.text))
		case b.kind == file:
			p.write(at, b.file, b.text)
		case b.kind == script:
			p.write(at, "documented.yaml", b.text)
			p.prepare(at, "custodian scenario run documented.yaml")
		case b.kind == settings:
			p.settings(at, b.text)
		case b.kind == source:
			p.compile(at, b.text+"\n"+b.with)
		case b.kind == document:
			if !json.Valid([]byte(b.text)) {
				p.t.Errorf("%s: this is no JSON", at)
			}
		case b.kind == foreign:
			if err := yaml.Unmarshal([]byte(b.text), new(yaml.Node)); err != nil {
				p.t.Errorf("%s: %v", at, err)
			}
		default:
			p.t.Errorf("%s: nobody knows how to play this block", at)
		}
	}
	p.endAll(func(*lasting) bool { return true })
}

// prepare runs commands that are not shown.
func (p *player) prepare(at, lines string) {
	p.t.Helper()
	p.begin(false, false)
	for _, e := range (part{kind: commands, text: lines + "\n"}).examples() {
		p.run(at, e)
	}
}

func (p *player) example(e example) {
	p.t.Helper()
	p.begin(false, false)
	p.run(p.page.at(e.line), e)
}

var (
	serves  = regexp.MustCompile(`^(\w+=\S+ )*(make run\b|(bin/)?custodian serve\b|prometheus )`)
	follows = regexp.MustCompile(`^custodian events .*(-f\b|--follow)|^curl .*-[a-z]*N\b|^grpcurl .*/Watch`)
	idOf    = regexp.MustCompile(`^([A-Z_]+)=(\S*)…\s+# the (\w+) of the answer$`)
	valueOf = regexp.MustCompile(`\b([A-Z_]+)=…(\s|$)`)
)

// run runs a command and compares what it prints with what is shown.
func (p *player) run(at string, e example) {
	p.t.Helper()
	command := e.command
	if id := idOf.FindStringSubmatch(command); id != nil {
		command = id[1] + "=" + quoted(p.field(at, id[3], id[2]))
	}
	command = p.place(valueOf.ReplaceAllString(command, `$1="$${$1:?}"$2`))
	if strings.Contains(aComment.ReplaceAllString(command, ""), leftOut) {
		p.t.Fatalf("%s: %s\ncannot be run: nothing says what … stands for", at, command)
	}
	switch {
	case command == interrupt:
		if len(p.running) == 0 {
			p.t.Fatalf("%s: nothing runs that Ctrl-C could end", at)
		}
		last := p.running[len(p.running)-1]
		seen := len(last.said(p.t))
		p.end(last)
		p.printed = p.documented(last.said(p.t)[seen:])
	case serves.MatchString(command) && !strings.HasSuffix(command, "--help"):
		command, beside := strings.CutSuffix(command, " &")
		p.endAll(func(l *lasting) bool { return !l.beside })
		p.last(at, command, beside, e.output)
		return
	case follows.MatchString(command):
		p.last(at, command, true, e.output)
		p.end(p.running[len(p.running)-1])
		return
	default:
		out := p.outFile()
		code := p.ask(at, "{ eval "+quoted(command)+"; } >"+quoted(out)+" 2>&1 </dev/null; echo $? >&3")
		p.printed = p.documented(p.read(out))
		if code != 0 && e.output == "" {
			p.t.Errorf("%s: %s\nends with %d and says\n%s", at, e.command, code, p.printed)
		}
	}
	if e.output != "" && !shows(e.output, p.printed) {
		p.t.Errorf("%s: %s\nis shown to print\n%s\nand prints\n%s", at, e.command, e.output, p.printed)
	}
}

// outFile is where a command prints to.
func (p *player) outFile() string {
	p.count++
	return filepath.Join(p.dir, fmt.Sprintf(".printed-%d", p.count))
}

func (p *player) read(path string) string {
	p.t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(content)
}

// field is that of what was printed last; it begins as it is shown to.
func (p *player) field(at, name, shown string) string {
	p.t.Helper()
	found := regexp.MustCompile(`"` + name + `": ?"([^"]+)"`).FindStringSubmatch(p.printed)
	if found == nil {
		p.t.Fatalf("%s: there is no %s in %s", at, name, p.printed)
	}
	if anID.MatchString(shown+leftOut) || strings.HasPrefix(found[1], shown) {
		return found[1]
	}
	p.t.Fatalf("%s: the %s is %s", at, name, found[1])
	return ""
}

// lasting is a command that goes on until it is interrupted.
type lasting struct {
	at, command, out string
	beside           bool // another may come to run beside it
	pid              int
}

func (l *lasting) said(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(l.out)
	if err != nil && !errors.Is(err, os.ErrNotExist) { // the shell has not come to it
		t.Fatal(err)
	}
	return string(content)
}

// last starts a command that goes on, and returns when it has printed what is shown, or,
// where nothing is shown, serves.
func (p *player) last(at, command string, beside bool, output string) {
	p.t.Helper()
	l := &lasting{at: at, command: command, beside: beside, out: p.outFile()}
	l.pid = p.ask(at, "eval "+quoted(command)+" >"+quoted(l.out)+" 2>&1 </dev/null & echo $! >&3")
	p.running = append(p.running, l)
	there := func() bool { return shows(leftOut+output+leftOut, p.documented(l.said(p.t))) }
	if output == "" {
		there = func() bool {
			return l.said(p.t) != "" && (!serves.MatchString(command) || strings.HasPrefix(command, "prometheus") || p.ready())
		}
	}
	late := time.NewTimer(patienceOfReaders)
	defer late.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !there() {
		ended := syscall.Kill(l.pid, 0) != nil
		select {
		case <-late.C:
			ended = true
		case <-tick.C:
		}
		if ended && !there() {
			p.t.Fatalf("%s: %s\nis shown to print\n%s\nand prints\n%s", at, command, output, p.documented(l.said(p.t)))
		}
	}
	p.printed = p.documented(l.said(p.t))
}

// ready reports whether the supervisor of the session is.
func (p *player) ready() bool {
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+p.place("7080")+"/readyz", http.NoBody)
	if err != nil {
		p.t.Fatal(err)
	}
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// codeOfInterrupt is how curl ends, and make, however well what it runs does.
const codeOfInterrupt = 128 + int(syscall.SIGINT)

// end interrupts a command that goes on, and takes no other end of it than that.
func (p *player) end(l *lasting) {
	p.t.Helper()
	p.running = slices.DeleteFunc(p.running, func(other *lasting) bool { return other == l })
	_ = syscall.Kill(-l.pid, syscall.SIGINT) // one that has ended has its code
	code := p.ask(l.at, fmt.Sprintf("wait %d; echo $? >&3", l.pid))
	interrupted := code == codeOfInterrupt && (!serves.MatchString(l.command) || strings.HasPrefix(l.command, "make "))
	if code != 0 && !interrupted {
		p.t.Errorf("%s: %s\nends with %d and says\n%s", l.at, l.command, code, p.documented(l.said(p.t)))
	}
}

func (p *player) endAll(which func(*lasting) bool) {
	for _, l := range slices.Backward(slices.Clone(p.running)) {
		if which(l) {
			p.end(l)
		}
	}
}
