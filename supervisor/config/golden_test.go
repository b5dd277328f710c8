package config

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "rewrite the expected parts of the golden files")

const goldenDir = "../../testdata/config"

// Each golden file is an archive: *.yaml are the files in their order, env the
// environment, flags the command line, instance.json or config.json a request
// body. The part `want` is the expected error; `want.json` the expected value.
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(goldenDir, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files in %s: %v", goldenDir, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			golden(t, file)
		})
	}
}

func golden(t *testing.T, file string) {
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	comment, parts := parseArchive(content)
	dir := t.TempDir() + string(filepath.Separator)
	var o Options
	var inputs, wants []part
	var value any
	parsed := false
	for _, f := range parts {
		if strings.HasPrefix(f.name, "want") {
			wants = append(wants, f)
			continue
		}
		inputs = append(inputs, f)
		switch f.name {
		case "env":
			o.Env = strings.Split(strings.TrimSpace(string(f.data)), "\n")
		case "flags":
			o.Flags = pflag.NewFlagSet("test", pflag.ContinueOnError)
			AddFlags(o.Flags)
			if err := o.Flags.Parse(strings.Fields(string(f.data))); err != nil {
				t.Fatal(err)
			}
		case "instance.json":
			parsed = true
			value, err = ParseInstance(f.data)
		case "config.json":
			parsed = true
			value, err = ParseConfig(f.data)
		default:
			if werr := os.WriteFile(dir+f.name, f.data, 0o600); werr != nil {
				t.Fatal(werr)
			}
			o.Files = append(o.Files, dir+f.name)
		}
	}
	if !parsed {
		value, err = Load(o)
	}
	got := part{name: "want.json"}
	if err != nil {
		got = part{"want", []byte(strings.ReplaceAll(err.Error(), dir, "") + "\n")}
	} else {
		got.data, err = json.MarshalIndent(value, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		got.data = append(got.data, '\n')
	}
	if *update {
		if err := os.WriteFile(file, formatArchive(comment, append(inputs, got)), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if len(wants) != 1 || wants[0].name != got.name || string(wants[0].data) != string(got.data) {
		t.Errorf("got %s:\n%s\nwant:\n%s", got.name, got.data, formatArchive(nil, wants))
	}
}
