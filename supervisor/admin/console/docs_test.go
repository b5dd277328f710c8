package console_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/console"
)

var (
	linked   = regexp.MustCompile(`(?:href|src)="([^"]*)"`)
	anchored = regexp.MustCompile(` id="([^"]*)"`)
	sections = regexp.MustCompile(`(?m)^##+ (.*)$`)
	marks    = regexp.MustCompile("[`*]|\\]\\([^)]*\\)|\\[")
)

// pages returns what is served at each path.
func pages(t *testing.T) map[string]string {
	t.Helper()
	out := make(map[string]string)
	for path, file := range console.Files() {
		rec := httptest.NewRecorder()
		file.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if rec.Code != http.StatusOK {
			t.Errorf("%s: %d", path, rec.Code)
		}
		out[path] = rec.Body.String()
	}
	return out
}

// Drawings and pictures of the console are shown as they are beside what they document.
func TestTheDocumentationShowsItsPictures(t *testing.T) {
	t.Parallel()
	all := pages(t)
	for picture, page := range map[string]string{
		"testdata/architecture/packages.svg": "/docs/architecture", "testdata/figures/connections.svg": "/docs/", "testdata/figures/instances.svg": "/docs/",
		"testdata/screenshots/fleet.png": "/docs/", "testdata/screenshots/settlement.png": "/docs/", "testdata/screenshots/instance.png": "/docs/manage",
	} {
		want, err := os.ReadFile("../../../" + picture)
		if err != nil {
			t.Fatal(err)
		}
		name := "/docs/" + path.Base(picture)
		if all[name] != string(want) {
			t.Errorf("%s is not %s: run make generate", name, picture)
		}
		if !strings.Contains(all[page], `<img src="`+name+`" alt="`) {
			t.Errorf("%s does not show %s", page, name)
		}
	}
}

// Nobody who reads without a network is led to where nothing is.
func TestEveryLinkOfTheDocumentationLeadsSomewhere(t *testing.T) {
	t.Parallel()
	all := pages(t)
	count := 0
	for path, page := range all {
		if !strings.HasPrefix(path, "/docs") {
			continue
		}
		for _, link := range linked.FindAllStringSubmatch(page, -1) {
			target := link[1]
			if strings.HasPrefix(target, "https://") || target == "#main" {
				continue
			}
			count++
			address, anchor, _ := strings.Cut(target, "#")
			at := page
			if address != "" {
				at = all[address]
			}
			ids := anchored.FindAllStringSubmatch(at, -1)
			if at == "" || anchor != "" && !slices.ContainsFunc(ids, func(id []string) bool { return id[1] == anchor }) {
				t.Errorf("%s links to %s, which is not there", path, target)
			}
		}
	}
	if count < 50 {
		t.Errorf("only %d links were looked at", count)
	}
}

// served are the pages of the repository, and where each is read.
var served = map[string]string{
	"README.md":                       "/docs/",
	"cmd/bench/README.md":             "/docs/bench",
	"cmd/custodian/README.md":         "/docs/commands",
	"configs/README.md":               "/docs/configs",
	"configs/ci.md":                   "/docs/ci",
	"configs/deploy.md":               "/docs/deploy",
	"configs/migrate.md":              "/docs/migrate",
	"configs/secure.md":               "/docs/secure",
	"configs/upgrade.md":              "/docs/upgrade",
	"obs/README.md":                   "/docs/obs",
	"sim/README.md":                   "/docs/sim",
	"sim/call.md":                     "/docs/call",
	"sim/faults.md":                   "/docs/faults",
	"sim/httpapi/problem/README.md":   "/docs/errors",
	"sim/settle.md":                   "/docs/settle",
	"store/README.md":                 "/docs/store",
	"supervisor/README.md":            "/docs/supervisor",
	"supervisor/config/README.md":     "/docs/configuration",
	"supervisor/configure.md":         "/docs/configure",
	"supervisor/manage.md":            "/docs/manage",
	"testdata/api/README.md":          "/docs/api",
	"testdata/architecture/README.md": "/docs/architecture",
	"testdata/examples/README.md":     "/docs/examples",
	"testdata/scenarios/README.md":    "/docs/scenarios",
	"testdata/scenarios/write.md":     "/docs/write",
}

// Each page of the repository is one of the console, and can be reached from the first.
func TestEveryPageIsServedAndLedTo(t *testing.T) {
	t.Parallel()
	list := exec.CommandContext(t.Context(), "git", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "*.md")
	list.Dir = "../../.."
	names, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	first := pages(t)["/docs/"]
	_, content, _ := strings.Cut(first, "<main")
	count := 0
	for name := range strings.Lines(string(names)) {
		name = strings.TrimSpace(name)
		count++
		switch address, isServed := served[name]; {
		case !isServed:
			t.Errorf("%s is not served; add it to documents of render, and here", name)
		case name != "README.md" && !strings.Contains(content, `href="`+address+`"`):
			t.Errorf("README.md does not lead to %s", name)
		}
	}
	if count != len(served) {
		t.Errorf("there are %d pages, and %d should be served", count, len(served))
	}
}

// The pages are those of the files that they are made of.
func TestTheDocumentationHasEverySection(t *testing.T) {
	t.Parallel()
	all := pages(t)
	for file, path := range served {
		source, err := os.ReadFile("../../../" + file)
		if err != nil {
			t.Fatal(err)
		}
		page := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(all[path], "")
		for _, section := range sections.FindAllStringSubmatch(string(source), -1) {
			if title := strings.ReplaceAll(marks.ReplaceAllString(section[1], ""), "'", "&#39;"); !strings.Contains(strings.ReplaceAll(page, "&rsquo;", "&#39;"), title) {
				t.Errorf("%s: %q is missing", path, title)
			}
		}
		if strings.Contains(all[path], "raw HTML omitted") {
			t.Errorf("%s has something that was left out", path)
		}
	}
}
