package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// Whatever the file says: reading it ends, and what is accepted stays the same
// when it is written out and read again.
func FuzzYAML(f *testing.F) {
	files, _ := filepath.Glob(filepath.Join(goldenDir, "*.txtar"))
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		_, parts := parseArchive(content)
		for _, p := range parts {
			if filepath.Ext(p.name) == ".yaml" || filepath.Ext(p.name) == ".json" {
				f.Add(p.data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l := newLoader()
		l.add(parseYAML(data, "fuzz.yaml", &l.report), "fuzz.yaml")
		c, err := l.finish()
		if err != nil {
			return
		}
		encoded, err := EncodeConfig(c)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseConfig(encoded)
		if err != nil {
			t.Fatalf("%s: %v", encoded, err)
		}
		if again.Hash() != c.Hash() {
			t.Errorf("got %+v, want %+v", again, c)
		}
	})
}

// Bodies of requests: the parser agrees with encoding/json on what is JSON, and
// an accepted instance survives being written out.
func FuzzInstanceBody(f *testing.F) {
	f.Add([]byte(`{"name":"a","opening":{"accounts":[{"account_id":"x","metadata":{"a":[1,null,"é"]}}]}}`))
	f.Add([]byte(`{"name":"a","name":"b"}`))
	f.Add([]byte(`[[[[`))
	f.Fuzz(func(t *testing.T, data []byte) {
		i, err := ParseInstance(data)
		if err != nil {
			return
		}
		if !json.Valid(data) {
			t.Fatalf("accepted %q", data)
		}
		encoded, err := EncodeInstance(i)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseInstance(encoded)
		if err != nil || InstanceHash(again) != InstanceHash(i) || !reflect.DeepEqual(again.Assets, i.Assets) {
			t.Errorf("%s: got %+v, %v", encoded, again, err)
		}
	})
}
