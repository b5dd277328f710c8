//go:build integration

package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

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
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", os.DevNull, "-overlay", overlay, "./documented")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0") // as the program is, so that most of it is there
	if out, err := build.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s\n%s", at, err, out, text)
	}
}
