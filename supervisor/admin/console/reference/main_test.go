package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../../../.."

// What the pages say is what the code is.
func TestThePagesAreThoseOfTheCode(t *testing.T) {
	t.Parallel()
	files, err := newTree(root).files()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) == want {
			continue
		}
		have := strings.Split(string(got), "\n")
		for i, line := range strings.Split(want, "\n") {
			if i >= len(have) || have[i] != line {
				t.Errorf("%s: line %d is to be %q: run make generate", name, i+1, line)
				break
			}
		}
	}
}
