package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestWhatFollowsFromOtherArrowsIsLeftOut(t *testing.T) {
	t.Parallel()
	got, err := reduced([]map[int]bool{{1: true, 2: true, 3: true}, {2: true}, {3: true}, {}})
	if err != nil || !slices.EqualFunc(got, [][]int{{1}, {2}, {3}, nil}, slices.Equal) {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := reduced([]map[int]bool{{1: true}, {2: true}, {0: true}}); err == nil {
		t.Error("components that need one another are not refused")
	}
}

// A component that names what is gone would stay in the drawing as a box without arrows.
func TestComponentsAreMadeOfPackagesThatAreThere(t *testing.T) {
	t.Parallel()
	tree := newTree(root)
	all, err := tree.packages()
	if err != nil {
		t.Fatal(err)
	}
	edges, err := tree.edges()
	if err != nil {
		t.Fatal(err)
	}
	needed := make(map[int]bool)
	for _, to := range slices.Concat(edges...) {
		needed[to] = true
	}
	for i, c := range components {
		for _, dir := range c.packages {
			dir = strings.TrimSuffix(dir, "/...")
			if !slices.ContainsFunc(slices.Collect(maps.Keys(all)), func(p string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }) {
				t.Errorf("%s names %s, which is no package", c.name, dir)
			}
			if home, err := componentOf(dir); err != nil || home != i {
				t.Errorf("%s belongs to %s, too", dir, components[home].name)
			}
		}
		if _, err := componentOf(c.packages[0] + "/new"); (err == nil) != strings.HasSuffix(c.packages[0], "/...") {
			t.Errorf("a new package below %s: %v", c.packages[0], err)
		}
		if isRoot := slices.Contains(roots, c.name); !needed[i] && !isRoot {
			t.Errorf("nothing needs %s", c.name)
		}
	}
}

// Whoever reads the drawing from the top meets a component before all that it needs,
// and no box covers another or an arrow on its way.
func TestArrowsPointDownAndMeetNoBox(t *testing.T) {
	t.Parallel()
	edges, err := newTree(root).edges()
	if err != nil {
		t.Fatal(err)
	}
	d := newDiagram(edges)
	layerOf, boxes := make(map[int]int), 0
	for i, layer := range d.layers {
		for j, n := range layer {
			if n.component >= 0 {
				layerOf[n.component] = i
				boxes++
			}
			if j > 0 && layer[j-1].x+layer[j-1].width/2 >= n.x-n.width/2 {
				t.Errorf("in layer %d, place %d is covered by the one before", i, j)
			}
		}
	}
	if boxes != len(components) {
		t.Errorf("there are %d boxes of %d components", boxes, len(components))
	}
	for from, needs := range edges {
		for _, to := range needs {
			if layerOf[from] >= layerOf[to] {
				t.Errorf("%s stands no higher than %s, which it needs", components[from].name, components[to].name)
			}
		}
	}
}

func TestAPageWithoutRoomForAPartIsRefused(t *testing.T) {
	t.Parallel()
	if got, err := fill("a\n<!-- generated: x -->\nold\n<!-- end of x -->\nb\n", "x", "new\n"); err != nil || got != "a\n<!-- generated: x -->\n\nnew\n\n<!-- end of x -->\nb\n" {
		t.Errorf("got %q, %v", got, err)
	}
	for _, page := range []string{"", "<!-- generated: x -->\n", "<!-- end of x -->\n", "<!-- generated: y -->\n<!-- end of y -->\n"} {
		if _, err := fill(page, "x", "new"); err == nil {
			t.Errorf("%q is not refused", page)
		}
	}
}
