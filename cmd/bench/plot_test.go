package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestResultsAreDrawn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := &bench{options: options{json: filepath.Join(dir, "results.json")}}
	for _, x := range []int{1, 16, 256} {
		b.add("pgbench", "/s", []float64{float64(x) * 10}, "", 0, "")
		b.draw("connections/pgbench", x, 0)
		b.add("HTTP", "/s", []float64{float64(x) * 12}, "", 0, "")
		b.draw("connections/HTTP", x, float64(x)/8)
	}
	b.add("of no picture", "ms", []float64{1}, "", 0, "")
	if err := b.write(); err != nil {
		t.Fatal(err)
	}
	if err := plot(b.json, dir); err != nil {
		t.Fatal(err)
	}
	picture, err := os.ReadFile(filepath.Join(dir, "connections.svg"))
	if err != nil {
		t.Fatal(err)
	}
	decoder := xml.NewDecoder(strings.NewReader(string(picture)))
	drawn := map[string]int{}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok {
			drawn[e.Name.Local]++
		}
	}
	if drawn["polyline"] != 3 || drawn["circle"] != 9 { // two of rates, one of latencies
		t.Errorf("drawn are %v", drawn)
	}
	if _, err := os.Stat(filepath.Join(dir, "instances.svg")); err == nil {
		t.Error("a picture without figures")
	}
}

func TestGridsAreRoundNumbers(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]float64{0: 1, 1: 1, 1.2: 2, 2.2: 2.5, 3: 5, 6: 10, 1800: 2000} {
		if got := roundUp(v); got != want {
			t.Errorf("%g: %g, not %g", v, got, want)
		}
	}
}
