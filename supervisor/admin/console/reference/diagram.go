package main

import (
	"cmp"
	"fmt"
	"html"
	"slices"
	"strings"
	"unicode/utf8"
)

// Measures of the diagram, in pixels. Everything counts in whole ones, so that it
// comes out the same on every machine.
const (
	boxHeight = 50
	layerGap  = 62 // between the boxes of two layers
	boxGap    = 18
	laneWidth = 8 // of an edge that passes a layer
	margin    = 8
	sweeps    = 24
)

// fills are the colours of boxes, by the directory at the top.
var fills = map[string]string{"cmd": "#cfe3fb", "supervisor": "#d9e8d2", "sim": "#fdebc8", "store": "#f6d9e2", "obs": "#e4dcf4"}

// node is a box, or where an edge passes a layer.
type node struct {
	component int // -1 where an edge passes
	width     int
	x         int // of its middle
	up, down  []*node
}

// diagram draws components above those that they need.
type diagram struct{ layers [][]*node }

// newDiagram puts each component below all that need it.
func newDiagram(edges [][]int) *diagram {
	layerOf := make([]int, len(edges))
	for range edges { // as many rounds as the longest way has steps, at most
		for from, needs := range edges {
			for _, to := range needs {
				layerOf[to] = max(layerOf[to], layerOf[from]+1)
			}
		}
	}
	d := &diagram{layers: make([][]*node, slices.Max(layerOf)+1)}
	boxes := make([]*node, len(edges))
	for i := range edges {
		boxes[i] = &node{component: i, width: widthOf(components[i])}
		d.layers[layerOf[i]] = append(d.layers[layerOf[i]], boxes[i])
	}
	for from, needs := range edges {
		for _, to := range needs {
			last := boxes[from]
			for layer := layerOf[from] + 1; layer < layerOf[to]; layer++ {
				lane := &node{component: -1, width: laneWidth}
				d.layers[layer] = append(d.layers[layer], lane)
				link(last, lane)
				last = lane
			}
			link(last, boxes[to])
		}
	}
	d.order()
	d.place()
	return d
}

func link(above, below *node) {
	above.down = append(above.down, below)
	below.up = append(below.up, above)
}

// widthOf is wide enough for what stands in the box in common fonts.
func widthOf(c component) int {
	return 24 + max(utf8.RuneCountInString(c.name)*31/4, utf8.RuneCountInString(c.about)*13/2)
}

// order sorts each layer by where its neighbours are, down and up again, and keeps the
// order in which the fewest edges cross.
func (d *diagram) order() {
	best, fewest := d.snapshot(), d.crossings()
	for sweep := range sweeps {
		for i := range d.layers {
			if sweep%2 == 0 {
				d.sort(i, func(n *node) []*node { return n.up })
			} else {
				d.sort(len(d.layers)-1-i, func(n *node) []*node { return n.down })
			}
		}
		if crossings := d.crossings(); crossings < fewest {
			best, fewest = d.snapshot(), crossings
		}
	}
	d.layers = best
}

func (d *diagram) snapshot() [][]*node {
	out := make([][]*node, len(d.layers))
	for i, layer := range d.layers {
		out[i] = slices.Clone(layer)
	}
	return out
}

// sort sorts a layer by the average place of the neighbours on one side.
func (d *diagram) sort(layer int, neighbours func(*node) []*node) {
	place := d.places()
	key := make(map[*node]int)
	for i, n := range d.layers[layer] {
		key[n] = i * 1000
		if near := neighbours(n); len(near) > 0 {
			sum := 0
			for _, other := range near {
				sum += place[other] * 1000
			}
			key[n] = sum / len(near)
		}
	}
	slices.SortStableFunc(d.layers[layer], func(a, b *node) int { return cmp.Compare(key[a], key[b]) })
}

// places are the places of all nodes in their layers.
func (d *diagram) places() map[*node]int {
	out := make(map[*node]int)
	for _, layer := range d.layers {
		for i, n := range layer {
			out[n] = i
		}
	}
	return out
}

// crossings counts the edges that cross.
func (d *diagram) crossings() int {
	place, count := d.places(), 0
	for _, layer := range d.layers {
		var ends [][2]int
		for i, n := range layer {
			for _, to := range n.down {
				ends = append(ends, [2]int{i, place[to]})
			}
		}
		for i, a := range ends {
			for _, b := range ends[i+1:] {
				if (a[0]-b[0])*(a[1]-b[1]) < 0 {
					count++
				}
			}
		}
	}
	return count
}

// place moves the nodes of each layer to where their neighbours are, as far as their
// order and the room between them allow.
func (d *diagram) place() {
	for _, layer := range d.layers {
		fit(layer, make([]int, len(layer)))
	}
	for range sweeps {
		for _, layer := range d.layers {
			wanted := make([]int, len(layer))
			for i, n := range layer {
				wanted[i] = n.x
				if near := slices.Concat(n.up, n.down); len(near) > 0 {
					sum := 0
					for _, other := range near {
						sum += other.x
					}
					wanted[i] = sum / len(near)
				}
			}
			fit(layer, wanted)
		}
	}
	left := 0
	for _, layer := range d.layers {
		for _, n := range layer {
			left = min(left, n.x-n.width/2)
		}
	}
	for _, layer := range d.layers {
		for _, n := range layer {
			n.x += margin - left
		}
	}
}

// fit gives nodes the places that they want, or those beside: the middle of what comes
// of pushing others to the right and of pushing them to the left.
func fit(layer []*node, wanted []int) {
	room := func(i int) int { return (layer[i-1].width+layer[i].width)/2 + boxGap }
	right, left := slices.Clone(wanted), slices.Clone(wanted)
	for i := 1; i < len(layer); i++ {
		right[i] = max(right[i], right[i-1]+room(i))
	}
	for i := len(layer) - 1; i > 0; i-- {
		left[i-1] = min(left[i-1], left[i]-room(i))
	}
	for i, n := range layer {
		n.x = (right[i] + left[i]) / 2
	}
}

// svg draws it. It has no styles of its own, which a browser would not take from
// another file, and colours that can be read on light and on dark.
func (d *diagram) svg() string {
	width := 0
	for _, layer := range d.layers {
		for _, n := range layer {
			width = max(width, n.x+n.width/2+margin)
		}
	}
	height := 2*margin + len(d.layers)*boxHeight + (len(d.layers)-1)*layerGap
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" font-family="system-ui, sans-serif">`+"\n", width, height, width, height)
	out.WriteString("<title>The packages of the program, each above those that it imports</title>\n")
	for i, layer := range d.layers {
		for _, n := range layer {
			d.edgesOf(&out, n, i)
		}
	}
	for i, layer := range d.layers {
		for _, n := range layer {
			if n.component < 0 {
				continue
			}
			c := components[n.component]
			top, _, _ := strings.Cut(c.name, "/")
			y := topOf(i)
			fmt.Fprintf(&out, `<rect x="%d" y="%d" width="%d" height="%d" rx="6" fill="%s" stroke="#5c6b7f"/>`+"\n", n.x-n.width/2, y, n.width, boxHeight, fills[top])
			fmt.Fprintf(&out, `<text x="%d" y="%d" text-anchor="middle" font-size="13" font-weight="600" fill="#15202e">%s</text>`+"\n", n.x, y+21, html.EscapeString(c.name))
			fmt.Fprintf(&out, `<text x="%d" y="%d" text-anchor="middle" font-size="12" fill="#33414f">%s</text>`+"\n", n.x, y+38, html.EscapeString(c.about))
		}
	}
	return out.String() + "</svg>\n"
}

func topOf(layer int) int { return margin + layer*(boxHeight+layerGap) }

// edgesOf draws what goes down from a node.
func (d *diagram) edgesOf(out *strings.Builder, n *node, layer int) {
	const line = `<path d="M%d %dC%d %d %d %d %d %d%s" fill="none" stroke="#7b8898" stroke-width="1.4"/>` + "\n"
	for _, to := range n.down {
		x, y := port(n, n.down, to), topOf(layer)+boxHeight
		toX, toY := port(to, to.up, n), topOf(layer+1)
		end := ""
		if to.component < 0 { // on through the layer
			end = fmt.Sprintf("V%d", toY+boxHeight)
		} else {
			toY -= 6 // for its head
		}
		fmt.Fprintf(out, line, x, y, x, y+layerGap/2, toX, toY-layerGap/2, toX, toY, end)
		if to.component >= 0 {
			fmt.Fprintf(out, `<path d="M%d %dl-4 -7h8z" fill="#7b8898"/>`+"\n", toX, toY+6)
		}
	}
}

// port returns where on a node the edge to one of its neighbours on one side ends:
// side by side, in the order of these.
func port(n *node, neighbours []*node, to *node) int {
	sorted := slices.Clone(neighbours)
	slices.SortStableFunc(sorted, func(a, b *node) int { return cmp.Compare(a.x, b.x) })
	step := min(22, (n.width-16)/max(1, len(sorted)))
	return n.x + (2*slices.Index(sorted, to)-len(sorted)+1)*step/2
}
