package console_test

import (
	"net/http"
	"net/http/httptest"
	"os"
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
		"testdata/architecture/packages.svg": "/docs/architecture", "testdata/figures/connections.svg": "/docs/", "testdata/figures/instances.svg": "/docs/bench",
		"testdata/screenshots/fleet.png": "/docs/", "testdata/screenshots/settlement.png": "/docs/", "testdata/screenshots/instance.png": "/docs/",
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

// The pages are those of the files that they are made of.
func TestTheDocumentationHasEverySection(t *testing.T) {
	t.Parallel()
	all := pages(t)
	for file, path := range map[string]string{
		"README.md": "/docs/", "configs/README.md": "/docs/configs", "supervisor/config/README.md": "/docs/configuration", "sim/README.md": "/docs/sim", "supervisor/README.md": "/docs/supervisor",
		"obs/README.md": "/docs/obs", "sim/httpapi/problem/README.md": "/docs/errors", "testdata/architecture/README.md": "/docs/architecture", "testdata/scenarios/README.md": "/docs/scenarios", "testdata/examples/README.md": "/docs/examples",
		"testdata/api/README.md": "/docs/api", "cmd/bench/README.md": "/docs/bench", "cmd/custodian/README.md": "/docs/commands",
		"testdata/scenarios/write.md": "/docs/write",
		"configs/upgrade.md":          "/docs/upgrade",
		"store/README.md":             "/docs/store",
		"configs/ci.md":               "/docs/ci",
		"configs/migrate.md":          "/docs/migrate",
	} {
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
