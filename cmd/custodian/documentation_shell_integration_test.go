//go:build integration

package main

import (
	"bufio"
	"io"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
)

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
	p.dir, p.ports, p.placed = t.TempDir(), freePorts(t), make(map[int]bool)
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
				return os.MkdirAll(to, 0o755)
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
	if err := os.Mkdir(filepath.Join(p.dir, "bin"), 0o755); err != nil {
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
