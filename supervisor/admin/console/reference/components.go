package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// component is a box of the diagram: some packages, and what they are for.
type component struct {
	name, about string
	// packages are the directories of the packages. One that ends with /... stands for
	// all below as well, unless another component names them.
	packages []string
}

// components are what the program consists of.
var components = []component{
	{"cmd/custodian", "the command line", []string{"cmd/custodian"}},
	{"sim/custodiantest", "a custodian for a Go test", []string{"sim/custodiantest"}},
	{"supervisor/admin", "admin API, client, console", []string{"supervisor/admin/..."}},
	{"supervisor", "which instances run", []string{"supervisor", "supervisor/snapshot"}},
	{"supervisor/inprocess", "one without a supervisor", []string{"supervisor/inprocess"}},
	{"supervisor/config", "files, environment, flags", []string{"supervisor/config"}},
	{"sim/scenario", "scripts over either face", []string{"sim/scenario/..."}},
	{"sim/httpapi", "the HTTP face", []string{"sim/httpapi/..."}},
	{"sim/grpcapi", "the gRPC face and its protos", []string{"sim/grpcapi/...", "sim/custodianpb/..."}},
	{"sim/webhook", "deliveries", []string{"sim/webhook", "sim/request/hook"}},
	{"sim/report", "statements and advices", []string{"sim/report"}},
	{"sim/request, sim/view", "what goes in and out", []string{"sim/request", "sim/view/...", "sim/httpapi/strictjson"}},
	{"sim/engine", "the single writer", []string{"sim/engine"}},
	{"sim/policy", "rules on transfers", []string{"sim/policy"}},
	{"sim/verify", "tables against journals", []string{"sim/verify"}},
	{"sim/access, bounds, fair, guard", "nobody harms another", []string{"sim/access", "sim/bounds", "sim/fair", "sim/guard"}},
	{"sim", "the core: commands, events, state", []string{"sim"}},
	{"sim/money, asset, calendar, …", "what the core is built from", []string{"sim/money", "sim/asset", "sim/calendar", "sim/profile", "sim/iso20022"}},
	{"store", "journals, tables, Redis", []string{"store/..."}},
	{"obs", "metrics, logs, traces", []string{"obs/..."}},
}

// roots are the packages that others begin with: the program, and what tests of others
// import. What neither needs is a tool or a test of this repository.
var roots = []string{"cmd/custodian", "sim/custodiantest"}

// componentOf returns the component that a package belongs to.
func componentOf(dir string) (int, error) {
	best, length := -1, -1
	for i, c := range components {
		for _, p := range c.packages {
			above, all := strings.CutSuffix(p, "/...")
			if (dir == above || all && strings.HasPrefix(dir, above+"/")) && len(above) > length {
				best, length = i, len(above)
			}
		}
	}
	if best < 0 {
		return 0, fmt.Errorf("package %s is part of the program and of no component: name it in components.go", dir)
	}
	return best, nil
}

// edges returns which component needs which, as the imports of their packages say. An
// edge that follows from others is left out: who reads on along the arrows comes there.
func (t *tree) edges() ([][]int, error) {
	all, err := t.packages()
	if err != nil {
		return nil, err
	}
	needs := make([]map[int]bool, len(components))
	for i := range needs {
		needs[i] = make(map[int]bool)
	}
	seen := make(map[string]bool)
	for todo := slices.Clone(roots); len(todo) > 0; todo = todo[1:] {
		dir := todo[0]
		if seen[dir] {
			continue
		}
		seen[dir] = true
		if all[dir] == nil {
			return nil, fmt.Errorf("there is no package %s", dir)
		}
		from, err := componentOf(dir)
		if err != nil {
			return nil, err
		}
		for _, name := range all[dir].imports {
			to, err := componentOf(name)
			if err != nil {
				return nil, err
			}
			if to != from {
				needs[from][to] = true
			}
			todo = append(todo, name)
		}
	}
	return reduced(needs)
}

// reduced leaves out the edges between which there is a longer way, and refuses cycles.
func reduced(needs []map[int]bool) ([][]int, error) {
	reached := make([]map[int]bool, len(needs)) // nil where it was not looked yet
	under := make([]bool, len(needs))
	var reach func(from int) (map[int]bool, error)
	reach = func(from int) (map[int]bool, error) {
		if under[from] {
			return nil, fmt.Errorf("what %s imports needs %[1]s itself", components[from].name)
		}
		if reached[from] != nil {
			return reached[from], nil
		}
		under[from] = true
		all := make(map[int]bool)
		for _, to := range slices.Sorted(maps.Keys(needs[from])) {
			below, err := reach(to)
			if err != nil {
				return nil, err
			}
			all[to] = true
			maps.Copy(all, below)
		}
		reached[from], under[from] = all, false
		return all, nil
	}
	out := make([][]int, len(needs))
	for from := range needs {
		if _, err := reach(from); err != nil {
			return nil, err
		}
		for _, to := range slices.Sorted(maps.Keys(needs[from])) {
			longer := false
			for by := range needs[from] {
				longer = longer || reached[by][to]
			}
			if !longer {
				out[from] = append(out[from], to)
			}
		}
	}
	return out, nil
}
