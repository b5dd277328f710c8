package main

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Who has unpacked a release reads it without the repository.
func TestEveryRelativeLinkOfAReleaseLeadsToAFileOfIt(t *testing.T) {
	t.Parallel()
	patterns, err := os.ReadFile(filepath.Join(top, ".ci", "release-files"))
	if err != nil {
		t.Fatal(err)
	}
	list := exec.CommandContext(t.Context(), "git", append([]string{"ls-files", "--"}, strings.Fields(string(patterns))...)...)
	list.Dir = top
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	files := strings.Fields(string(out))
	pages, links := 0, 0
	for _, file := range files {
		if path.Ext(file) != ".md" {
			continue
		}
		pages++
		content, err := os.ReadFile(filepath.Join(top, filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		for _, target := range relativeLinks(t, content) {
			links++
			if !isThere(files, path.Join(path.Dir(file), target)) {
				t.Errorf("%s links to %s, which a release does not have", file, target)
			}
		}
	}
	if pages < 15 || links < 50 {
		t.Errorf("only %d pages with %d links were looked at", pages, links)
	}
	if slices.ContainsFunc(files, func(name string) bool { return strings.HasSuffix(name, ".go") }) {
		t.Errorf("a release has source code: %v", files)
	}
}

// relativeLinks returns what a page links to or shows that is beside it, without
// anchors.
func relativeLinks(t *testing.T, content []byte) (out []string) {
	t.Helper()
	for _, target := range links(t, content) {
		name, _, _ := strings.Cut(target, "#")
		if name != "" && !strings.Contains(name, "://") {
			out = append(out, name)
		}
	}
	return out
}

// isThere reports whether a file, or a directory with files, is among them.
func isThere(files []string, name string) bool {
	return slices.ContainsFunc(files, func(file string) bool { return file == name || strings.HasPrefix(file, name+"/") })
}
