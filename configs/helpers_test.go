// Package configs checks what is delivered beside the program: that images, manifests
// and units name files, ports, keys and paths that are there, keep what the project
// promises of them, and start the program with configurations that it takes. Tools of
// their own check their grammar (.ci/deployment).
package configs

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// top is the repository, seen from here.
const top = ".."

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// decode reads the one document of a file. What the type does not have is a mistake.
func decode(t *testing.T, path string, into any) {
	t.Helper()
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(read(t, path))))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		t.Fatalf("%s: more than one document", path)
	}
}

// exists fails unless a path is there: a directory, or a file that is not empty.
func exists(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Error(err)
	} else if !info.IsDir() && info.Size() == 0 {
		t.Errorf("%s is empty", path)
	}
}

// loads returns the configuration of files, with variables as the program would get.
func loads(t *testing.T, env []string, files ...string) config.Config {
	t.Helper()
	c, err := config.Load(config.Options{Files: files, Env: env})
	if err != nil {
		t.Fatalf("%s: %v", strings.Join(files, ", "), err)
	}
	return c
}

// pinned reports whether an image is named with a version or a digest.
func pinned(image string) bool {
	if _, digest, ok := strings.Cut(image, "@sha256:"); ok {
		return len(digest) == 64
	}
	_, tag, ok := strings.Cut(image[strings.LastIndex(image, "/")+1:], ":")
	return ok && tag != "latest" && strings.ContainsAny(tag, "0123456789")
}

func TestPinnedImages(t *testing.T) {
	t.Parallel()
	for image, want := range map[string]bool{
		"redis": false, "redis:latest": false, "redis:bookworm": false, "redis:7.2.12-bookworm": true,
		"registry.example.com:5000/redis": false, "registry.example.com:5000/redis:7.2": true,
		"redis@sha256:" + strings.Repeat("a", 64): true, "redis@sha256:aa": false,
	} {
		if got := pinned(image); got != want {
			t.Errorf("%s: %t, want %t", image, got, want)
		}
	}
}

// beside returns a path that a file of a directory names.
func beside(directory, path string) string { return filepath.Join(directory, filepath.FromSlash(path)) }
