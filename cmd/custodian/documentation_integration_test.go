//go:build integration

package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
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
// written into that file; in it "name: desk, sha256: …" is the hash of what is in desk.key.
// "<!-- with: CODE -->" has a block of Go compiled together with that code.
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
	{"cmd/custodian/README.md", "custodian instance add alpine-bank", "custodian instance remove alpine-bank --purge\necho 'name: geneva-bank' >entry.yaml"},
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

// begin starts the shell and the servers of a session, unless it has begun.
func (p *player) begin(withPostgres, withRedis bool) {
	t := p.t
	t.Helper()
	if p.bash != nil {
		if withPostgres && p.postgres == nil || withRedis && p.redis == nil {
			t.Fatal("servers have to be asked for where a session begins")
		}
		return
	}
	p.dir, p.ports = t.TempDir(), freePorts(t)
	env := map[string]string{
		"PATH": p.dir + "/bin:" + toolsBin(t) + ":" + os.Getenv("PATH"), "HOME": p.dir, "LC_ALL": "C.UTF-8", "TZ": "UTC",
		"GO":                     "true", // what make builds is there
		envAdminURL:              "http://127.0.0.1:" + p.place("7080"),
		"CUSTODIAN_ADMIN_LISTEN": "127.0.0.1:" + p.place("7080"), // for files that leave it out
		"CUSTODIAN_PORTS_HTTP":   p.place("8080-8999"),
		"CUSTODIAN_PORTS_GRPC":   p.place("50051-50970"),
	}
	if withPostgres {
		pg, err := servers.StartPostgres(t.Context(), servers.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = pg.Close() })
		admin, err := url.Parse(pg.AdminURL)
		if err != nil {
			t.Fatal(err)
		}
		password, _ := admin.User.Password()
		p.postgres = pg
		maps.Copy(env, map[string]string{
			"POSTGRES_URL": pg.URL, "POSTGRES_ADMIN_URL": pg.AdminURL,
			"PGHOST": admin.Hostname(), "PGPORT": admin.Port(), "PGUSER": admin.User.Username(), "PGPASSWORD": password, "PGDATABASE": strings.TrimPrefix(admin.Path, "/"),
		})
	}
	if withRedis {
		redis, err := servers.StartRedis(t.Context(), servers.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = redis.Close() })
		p.redis = redis
		maps.Copy(env, map[string]string{"REDIS_URL": redis.URL, "REDIS_ADMIN_URL": redis.AdminURL})
	}
	p.furnish()
	p.startBash(env)
}

// surroundings are the environment without what is meant for the tests, and for the make that may run them.
func surroundings() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return strings.HasPrefix(name, "CUSTODIAN_") || strings.HasPrefix(name, "TEST_") || strings.HasPrefix(name, "MAKE") || name == "MFLAGS"
	})
}

// toolsBin is where make installs tools of development.
func toolsBin(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(top, ".tools", "bin"))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// furnish puts into the directory of a session what its commands use.
func (p *player) furnish() {
	t := p.t
	for _, name := range []string{"Makefile", "README.md", "configs", "testdata"} {
		err := filepath.WalkDir(filepath.Join(top, name), func(path string, entry os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			relative, err := filepath.Rel(top, path)
			if err != nil {
				return err
			}
			to := filepath.Join(p.dir, relative)
			if entry.IsDir() {
				return os.MkdirAll(to, 0o755) //nolint:gosec // as in the repository
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if name == "configs" {
				content = []byte(p.place(string(content)))
			}
			return os.WriteFile(to, content, info.Mode().Perm())
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(p.dir, "bin"), 0o755); err != nil { //nolint:gosec // as make does
		t.Fatal(err)
	}
	if err := os.Symlink(p.binary, filepath.Join(p.dir, "bin", "custodian")); err != nil {
		t.Fatal(err)
	}
}

// startBash starts the shell, which reads commands, and tells on descriptor 3 what became of them.
func (p *player) startBash(env map[string]string) {
	t := p.t
	answers, tell, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	shell := exec.Command("bash", "--noprofile", "--norc")
	shell.Dir = p.dir
	shell.Env = surroundings()
	for name, value := range env { // later ones win
		shell.Env = append(shell.Env, name+"="+value)
	}
	shell.ExtraFiles = []*os.File{tell}
	in, err := shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	_ = tell.Close() // the shell has its own
	t.Cleanup(func() {
		for _, left := range p.running { // of a test that failed half way
			_ = syscall.Kill(-left.pid, syscall.SIGKILL)
		}
		_ = in.Close()
		_ = shell.Process.Kill()
		_ = shell.Wait()
		_ = answers.Close()
	})
	p.bash, p.told, p.answers = in, answers, bufio.NewReader(answers)
	p.tell("set -m") // each command that goes on is a group of processes
}

func (p *player) tell(line string) {
	p.t.Helper()
	if _, err := io.WriteString(p.bash, line+"\n"); err != nil {
		p.t.Fatal(err)
	}
}

// ask has the shell do something and returns the number that it tells.
func (p *player) ask(at, line string) int {
	p.t.Helper()
	if err := p.told.SetReadDeadline(time.Now().Add(patienceOfReaders)); err != nil {
		p.t.Fatal(err)
	}
	p.tell(line)
	answer, err := p.answers.ReadString('\n')
	if err != nil {
		p.t.Fatalf("%s: no end within %s: %v", at, patienceOfReaders, err)
	}
	number, err := strconv.Atoi(strings.TrimSpace(answer))
	if err != nil {
		p.t.Fatalf("%s: the shell says %q", at, answer)
	}
	return number
}

// quoted is text as one word of the shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

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

// codeOfInterrupt is how make ends, however well what it runs does.
const codeOfInterrupt = 128 + int(syscall.SIGINT)

// end interrupts a command that goes on. It has to end well: with 0, unless it only follows.
func (p *player) end(l *lasting) {
	p.t.Helper()
	p.running = slices.DeleteFunc(p.running, func(other *lasting) bool { return other == l })
	_ = syscall.Kill(-l.pid, syscall.SIGINT) // one that has ended has its code
	code := p.ask(l.at, fmt.Sprintf("wait %d; echo $? >&3", l.pid))
	if byMake := strings.HasPrefix(l.command, "make "); code != 0 && serves.MatchString(l.command) && (!byMake || code != codeOfInterrupt) {
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

// usage checks how a command is shown to be called.
func (p *player) usage(at, line string) {
	p.t.Helper()
	name := regexp.MustCompile(`^[a-z -]+\b( |$)`).FindString(line)
	p.prepare(at, strings.TrimSuffix(name, "instance")+" --help")
	if !strings.Contains(p.printed, line) {
		p.t.Errorf("%s: %s\nis not how --help says:\n%s", at, line, p.printed)
	}
}

var hashOf = regexp.MustCompile(`(name: ([\w-]+), sha256: )…`)

// write writes a file of the session.
func (p *player) write(at, name, text string) {
	p.t.Helper()
	p.begin(false, false)
	text = hashOf.ReplaceAllStringFunc(text, func(found string) string {
		key := hashOf.FindStringSubmatch(found)
		secret := strings.TrimSpace(p.read(filepath.Join(p.dir, key[2]+".key")))
		return fmt.Sprintf("%s%x", key[1], sha256.Sum256([]byte(secret)))
	})
	if text = p.place(text); strings.Contains(aComment.ReplaceAllString(text, ""), leftOut) {
		p.t.Errorf("%s: %s cannot be written: nothing says what … stands for in\n%s", at, name, text)
	}
	path := filepath.Join(p.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// settings loads a configuration, or a part of one: an entry, a list of them, settings.
func (p *player) settings(at, text string) {
	t := p.t
	t.Helper()
	text = regexp.MustCompile(`sha256: …`).ReplaceAllString(text, "sha256: "+strings.Repeat("0123456789abcdef", 4))
	var errs []error
	for _, around := range []string{"", "instances:\n", "instances:\n  -\n", "defaults:\n"} {
		whole := around
		for line := range strings.Lines(text) {
			if around != "" {
				line = "    " + line
			}
			whole += line
		}
		path := filepath.Join(t.TempDir(), "documented.yaml")
		if err := os.WriteFile(path, []byte(whole), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := config.Load(config.Options{Files: []string{path}, Env: []string{
			"CUSTODIAN_STORAGE_POSTGRES_URL=postgres://user:password@127.0.0.1/books", "CUSTODIAN_REDIS_URL=redis://user:password@127.0.0.1/0",
		}})
		if err == nil {
			return
		}
		errs = append(errs, err)
	}
	t.Errorf("%s: no part of a configuration:\n%s%v", at, text, errors.Join(errs...))
}

// imported are packages that documented Go uses without saying where they are.
var imported = map[string]string{
	"testing": "testing", "time": "time", "http": "net/http", "strings": "strings", "context": "context",
	"custodiantest": "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodiantest",
}

// compile compiles Go code as a package of this module.
func (p *player) compile(at, text string) {
	t := p.t
	t.Helper()
	if !strings.HasPrefix(text, "package ") {
		head := "package documented\n\n"
		for _, name := range slices.Sorted(maps.Keys(imported)) {
			if regexp.MustCompile(`\b` + name + `\.`).MatchString(text) {
				head += "import " + strconv.Quote(imported[name]) + "\n"
			}
		}
		text = head + text
	}
	dir := t.TempDir()
	code, overlay := filepath.Join(dir, "documented.go"), filepath.Join(dir, "overlay.json")
	root, err := filepath.Abs(top)
	if err != nil {
		t.Fatal(err)
	}
	inModule, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, "documented", "documented.go"): code}})
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string]string{code: text, overlay: string(inModule)} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-overlay", overlay, "./documented")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0") // as the program is, so that most of it is there
	if out, err := build.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s\n%s", at, err, out, text)
	}
}

// ports are where a session has what is documented to listen on others: two windows, below
// those that tests get from [servers.FreePort].
type ports struct{ http, grpc int }

const (
	windows      = 37
	httpWindow   = 10300 // and 100 more for each further session
	grpcWindow   = 3000
	firstHTTP    = 8080
	firstAdmin   = 7080
	adminsBehind = 80 // in the window
	firstGRPC    = 50050
)

var takenPorts = struct {
	sync.Mutex
	by map[int]bool
}{by: make(map[int]bool)}

// freePorts returns windows in which nothing listens.
func freePorts(t *testing.T) ports {
	t.Helper()
	takenPorts.Lock()
	defer takenPorts.Unlock()
	for _, n := range rand.Perm(windows) {
		w := ports{httpWindow + 100*n, grpcWindow + 100*n}
		if !takenPorts.by[n] && w.free(t) {
			takenPorts.by[n] = true
			t.Cleanup(func() {
				takenPorts.Lock()
				defer takenPorts.Unlock()
				delete(takenPorts.by, n)
			})
			return w
		}
	}
	t.Fatal("no hundred ports in a row are free")
	return ports{}
}

func (w ports) free(t *testing.T) bool {
	t.Helper()
	for n := range 100 {
		for _, port := range []int{w.http + n, w.grpc + n} {
			listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:"+strconv.Itoa(port))
			if err != nil {
				return false
			}
			_ = listener.Close() // nobody has connected
		}
	}
	return true
}

var (
	documentedPort = regexp.MustCompile(`\b(708\d|80[89]\d|81[0-4]\d|8999|50(0[5-9]|1[0-4])\d|50970)\b`)
	placedPort     = regexp.MustCompile(`((?:127\.0\.0\.1|0\.0\.0\.0|localhost|\[::\]):|(?:port|listen)"?(?:: ?|=))(\d+)\b`)
	withoutWord    = regexp.MustCompile(`(://[\w-]+:)…(@[\w.]+:(?:5432|6379))`)
	serverAddress  = regexp.MustCompile(`\b(?:127\.0\.0\.1|localhost|db|postgres|redis):(5432|6379)\b`)
)

// place returns text with the ports of this session in place of those that are documented.
func (p *player) place(text string) string {
	text = documentedPort.ReplaceAllStringFunc(text, func(word string) string {
		port, _ := strconv.Atoi(word) // which it matches
		switch {
		case word == "8999":
			return strconv.Itoa(p.ports.http + adminsBehind - 1)
		case word == "50970":
			return strconv.Itoa(p.ports.grpc + 99)
		case port >= firstGRPC:
			return strconv.Itoa(port - firstGRPC + p.ports.grpc)
		case port >= firstHTTP:
			return strconv.Itoa(port - firstHTTP + p.ports.http)
		default:
			return strconv.Itoa(port - firstAdmin + p.ports.http + adminsBehind)
		}
	})
	text = withoutWord.ReplaceAllStringFunc(text, func(found string) string {
		word := servers.PostgresPassword
		if strings.HasSuffix(found, "6379") {
			word = servers.RedisPassword
		}
		return strings.Replace(found, leftOut, word, 1)
	})
	return serverAddress.ReplaceAllStringFunc(text, func(found string) string {
		switch {
		case p.postgres != nil && strings.HasSuffix(found, "5432"):
			return p.postgres.Addr()
		case p.redis != nil && strings.HasSuffix(found, "6379"):
			return p.redis.Addr()
		}
		return found
	})
}

// documented returns what was printed with the ports that are documented.
func (p *player) documented(printed string) string {
	if p.postgres != nil {
		printed = strings.ReplaceAll(printed, p.postgres.Addr(), "127.0.0.1:5432")
	}
	if p.redis != nil {
		printed = strings.ReplaceAll(printed, p.redis.Addr(), "127.0.0.1:6379")
	}
	return placedPort.ReplaceAllStringFunc(strings.ReplaceAll(printed, p.dir+"/", ""), func(found string) string {
		parts := placedPort.FindStringSubmatch(found)
		port, _ := strconv.Atoi(parts[2]) // digits
		switch {
		case port >= p.ports.http+adminsBehind && port < p.ports.http+100:
			port += firstAdmin - adminsBehind - p.ports.http
		case port >= p.ports.http && port < p.ports.http+adminsBehind:
			port += firstHTTP - p.ports.http
		case port >= p.ports.grpc && port < p.ports.grpc+100:
			port += firstGRPC - p.ports.grpc
		}
		return parts[1] + strconv.Itoa(port)
	})
}
