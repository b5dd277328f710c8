package configs

import (
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// instruction is one of a Dockerfile.
type instruction struct {
	line int
	name string // in capitals
	args string
}

// dockerfile reads the instructions of each stage; what stands before the first has
// index 0.
func dockerfile(t *testing.T) [][]instruction {
	t.Helper()
	stages := [][]instruction{nil}
	var begun strings.Builder
	for n, line := range strings.Split(read(t, top+"/Dockerfile"), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		more := strings.HasSuffix(line, `\`)
		begun.WriteString(strings.TrimSuffix(line, `\`) + " ")
		if more {
			continue
		}
		name, args, _ := strings.Cut(strings.TrimSpace(begun.String()), " ")
		begun.Reset()
		if name == "FROM" {
			stages = append(stages, nil)
		}
		last := len(stages) - 1
		stages[last] = append(stages[last], instruction{n + 1, name, strings.TrimSpace(args)})
	}
	if begun.Len() > 0 {
		t.Fatalf("the last instruction does not end: %s", &begun)
	}
	return stages
}

var known = []string{"ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "FROM", "HEALTHCHECK", "LABEL", "RUN", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"}

func TestImageHoldsTheProgramAndNothingThatCouldBeUsedAgainstIt(t *testing.T) {
	t.Parallel()
	stages := dockerfile(t)
	for _, i := range slices.Concat(stages...) {
		if !slices.Contains(known, i.name) { // such as ADD, which fetches from anywhere
			t.Errorf("line %d: %s is not one of %v", i.line, i.name, known)
		}
	}
	final := stages[len(stages)-1]
	var destinations []string
	found := map[string]string{}
	for _, i := range final {
		found[i.name] = i.args
		switch i.name {
		case "RUN":
			t.Errorf("line %d: there is nothing in the image to run", i.line)
		case "COPY":
			words := strings.Fields(i.args)
			destinations = append(destinations, words[len(words)-1])
			if !slices.Contains(words, "--from=build") {
				t.Errorf("line %d: copies from the sources, not from what was built", i.line)
			}
		}
	}
	if found["FROM"] != "scratch" {
		t.Errorf("FROM %s, want scratch", found["FROM"])
	}
	slices.Sort(destinations)
	if want := []string{"/etc/ssl/certs/ca-certificates.crt", "/tmp", "/usr/local/bin/custodian", "/var/lib/custodian"}; !slices.Equal(destinations, want) {
		t.Errorf("copies to %v, want %v", destinations, want)
	}
	if found["USER"] != "65532:65532" {
		t.Errorf("USER %s, want one that is not root, by its number", found["USER"])
	}
	if data := "/var/lib/custodian"; !strings.Contains(found["ENV"]+" ", "CUSTODIAN_DATA_DIR="+data+" ") || found["WORKDIR"] != data {
		t.Errorf("ENV %s, WORKDIR %s; want both to have %s, the volume", found["ENV"], found["WORKDIR"], data)
	}
	for name, want := range map[string]string{
		"ENTRYPOINT": `["/usr/local/bin/custodian"]`, "CMD": `["serve"]`, "VOLUME": "/var/lib/custodian", "STOPSIGNAL": "SIGTERM",
	} {
		if found[name] != want {
			t.Errorf("%s %s, want %s", name, found[name], want)
		}
	}
	options, check, _ := strings.Cut(found["HEALTHCHECK"], "CMD ")
	var command []string
	if err := json.Unmarshal([]byte(check), &command); err != nil || !slices.Equal(command, []string{"/usr/local/bin/custodian", "health"}) {
		t.Errorf("HEALTHCHECK %s: %v; there is no shell, so it has to be a list that calls the program", check, err)
	}
	if !strings.Contains(options, "--timeout=6s") { // above the command's own of 5 s, which says why
		t.Errorf("HEALTHCHECK %s", options)
	}
}

func TestImageIsBuiltByThePinnedCompilerForAnyArchitecture(t *testing.T) {
	t.Parallel()
	stages := dockerfile(t)
	if len(stages) != 3 || len(stages[0]) != 0 {
		t.Fatalf("%d stages", len(stages)-1)
	}
	from := strings.Fields(stages[1][0].args)
	if len(from) != 4 || from[0] != "--platform=$BUILDPLATFORM" || from[3] != "build" || !pinned(from[1]) {
		t.Fatalf("FROM %v", from)
	}
	var goes, wants [3]int
	if _, err := fmt.Sscanf(from[1], "golang:%d.%d.%d-", &goes[0], &goes[1], &goes[2]); err != nil {
		t.Fatalf("%s: %v", from[1], err)
	}
	directive := regexp.MustCompile(`(?m)^go (\d+\.\d+\.\d+)$`).FindStringSubmatch(read(t, top+"/go.mod"))
	if _, err := fmt.Sscanf(directive[1], "%d.%d.%d", &wants[0], &wants[1], &wants[2]); err != nil {
		t.Fatal(err)
	}
	if slices.Compare(goes[:], wants[:]) < 0 {
		t.Errorf("%s is older than go.mod wants, %s", from[1], directive[1])
	}
	// As make build does it.
	made := regexp.MustCompile(`(?m)^LDFLAGS := (.*)\$\(VERSION\)$`).FindStringSubmatch(read(t, top+"/Makefile"))
	script := fmt.Sprint(stages[1])
	for _, want := range []string{"WORKDIR /src", "COPY go.mod go.sum ./", "go mod download", "COPY . .", "-o /out/custodian", "mkdir -p /out/data /out/tmp", made[1] + "$VERSION", "-trimpath", "GOOS=$TARGETOS GOARCH=$TARGETARCH", "CGO_ENABLED=0", "./cmd/custodian"} {
		if !strings.Contains(script, want) {
			t.Errorf("the program is built without %s", want)
		}
	}
	for _, stage := range stages[1:] { // an argument holds for the stage that names it
		declared := map[string]bool{"VERSION": false, "TARGETOS": false, "TARGETARCH": false}
		for _, i := range stage {
			for name, known := range declared {
				if !known && i.name != "ARG" && strings.Contains(i.args, "$"+name) {
					t.Errorf("line %d: %s is not declared", i.line, name)
				}
			}
			if name, _, _ := strings.Cut(i.args, "="); i.name == "ARG" {
				declared[name] = true
			}
		}
	}
}

func TestProgramBringsItsTimeZones(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), top+"/cmd/custodian/main.go", nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range file.Imports {
		if i.Path.Value == `"time/tzdata"` {
			return
		}
	}
	t.Error("the image has no time zones, and cmd/custodian does not import time/tzdata")
}

// The builder gets what .dockerignore lets through: all that is compiled, and none of
// what is secret.
func TestBuilderGetsTheCodeAndNothingElse(t *testing.T) {
	t.Parallel()
	var let, kept []string
	for line := range strings.Lines(read(t, top+"/.dockerignore")) {
		switch line = strings.TrimSpace(line); {
		case line == "" || line[0] == '#':
		case line[0] == '!':
			let = append(let, line[1:])
		default:
			kept = append(kept, line)
		}
	}
	if want := []string{"*", "**/*_test.go", "**/testdata", "**/*.db", "**/*.db-*"}; !slices.Equal(kept, want) {
		t.Errorf("keeps back %v, want %v", kept, want)
	}
	want := []string{"go.mod", "go.sum"}
	entries, err := os.ReadDir(top)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && e.Name() != "configs" && e.Name()[0] != '.' && hasCode(t, filepath.Join(top, e.Name())) {
			want = append(want, e.Name())
		}
	}
	slices.Sort(want)
	slices.Sort(let)
	if !slices.Equal(let, want) {
		t.Errorf("lets through %v, want %v", let, want)
	}
}

func hasCode(t *testing.T, directory string) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(directory, func(path string, _ os.DirEntry, err error) error {
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			found = true
			return filepath.SkipAll
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
