package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Sizes of a picture, which has two panels beside one another.
const (
	panelWidth, panelHeight = 420, 300
	marginLeft, marginRight = 64, 24
	marginTop, marginBottom = 58, 48
)

// colours of lines, told apart by all eyes (Okabe and Ito).
var colours = []string{"#0072B2", "#D55E00", "#009E73", "#CC79A7"}

type point struct{ x, y float64 }

// plot draws the figures of a file of results: one picture for connections and one
// for instances, as far as they were measured.
func plot(file, directory string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var doc struct{ Results []result }
	if err := json.Unmarshal(data, &doc); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if err := os.MkdirAll(directory, 0o755); err != nil { //nolint:gosec // pictures are no secret
		return err
	}
	for _, what := range []string{"connections", "instances"} {
		rates, latencies := map[string][]point{}, map[string][]point{}
		for _, r := range doc.Results {
			axis, line, ok := strings.Cut(r.Line, "/")
			if !ok || axis != what {
				continue
			}
			rates[line] = append(rates[line], point{r.X, r.Median})
			if r.P99 > 0 {
				latencies[line] = append(latencies[line], point{r.X, r.P99})
			}
		}
		if len(rates) == 0 {
			continue
		}
		name := filepath.Join(directory, what+".svg")
		if err := os.WriteFile(name, []byte(drawing(what, rates, latencies)), 0o644); err != nil { //nolint:gosec // likewise
			return err
		}
		fmt.Println(name)
	}
	return nil
}

// drawing returns a picture with a panel for settlements a second and one for p99.
func drawing(what string, rates, latencies map[string][]point) string {
	var svg strings.Builder
	const width = 2 * panelWidth
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n",
		width, panelHeight, width, panelHeight)
	fmt.Fprintf(&svg, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", width, panelHeight)
	colour := map[string]string{}
	for n, line := range slices.Sorted(maps.Keys(rates)) {
		colour[line] = colours[n%len(colours)]
	}
	panel(&svg, 0, "durable settlements a second", what, rates, colour)
	panel(&svg, panelWidth, "p99 in milliseconds", what, latencies, colour)
	svg.WriteString("</svg>\n")
	return svg.String()
}

// panel draws lines over an axis on which each step is twice the one before.
func panel(svg *strings.Builder, left int, title, what string, lines map[string][]point, colour map[string]string) {
	const w, h = panelWidth - marginLeft - marginRight, panelHeight - marginTop - marginBottom
	most, first, last := 0.0, math.Inf(1), 1.0
	steps := map[float64]bool{}
	for _, points := range lines {
		for _, p := range points {
			most, first, last = max(most, p.y), min(first, p.x), max(last, p.x)
			steps[p.x] = true
		}
	}
	grid := roundUp(most / 4)
	across := func(x float64) float64 {
		return float64(left+marginLeft) + w*math.Log2(x/first)/max(1, math.Log2(last/first))
	}
	up := func(y float64) float64 { return marginTop + h - h*y/(4*grid) }
	fmt.Fprintf(svg, `<text x="%d" y="20" font-size="14">%s</text>`+"\n", left+marginLeft, title)
	for n := range 5 {
		y := grid * float64(n)
		fmt.Fprintf(svg, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ccc"/><text x="%d" y="%.1f" text-anchor="end" fill="#333">%g</text>`+"\n",
			left+marginLeft, left+panelWidth-marginRight, up(y), up(y), left+marginLeft-6, up(y)+4, y)
	}
	for _, x := range slices.Sorted(maps.Keys(steps)) {
		fmt.Fprintf(svg, `<text x="%.1f" y="%d" text-anchor="middle" fill="#333">%g</text>`+"\n", across(x), marginTop+h+18, x)
	}
	fmt.Fprintf(svg, `<text x="%d" y="%d" text-anchor="middle" fill="#333">%s</text>`+"\n", left+marginLeft+w/2, marginTop+h+38, what)
	for n, name := range slices.Sorted(maps.Keys(lines)) {
		points := slices.SortedFunc(slices.Values(lines[name]), func(a, b point) int { return int(a.x - b.x) })
		var path strings.Builder
		for _, p := range points {
			fmt.Fprintf(&path, "%.1f,%.1f ", across(p.x), up(p.y))
			fmt.Fprintf(svg, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", across(p.x), up(p.y), colour[name])
		}
		fmt.Fprintf(svg, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.TrimSpace(path.String()), colour[name])
		fmt.Fprintf(svg, `<text x="%d" y="%d" fill="%s">%s</text>`+"\n", left+marginLeft+90*n, 42, colour[name], name)
	}
}

// roundUp returns the next of 1, 2, 2.5, 5 times a power of ten.
func roundUp(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, step := range []float64{1, 2, 2.5, 5} {
		if step*power >= v {
			return step * power
		}
	}
	return 10 * power
}
