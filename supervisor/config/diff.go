package config

import (
	"reflect"
	"slices"
	"strings"
)

// Changes are the names of the instances that differ between two configurations,
// each list sorted.
type Changes struct {
	Added   []string `json:"added"`
	Removed []string `json:"removed"`
	Changed []string `json:"changed"`
	// Process are the keys beside instances and defaults that differ. What runs
	// follows them only where [Changes.Changed] names it; the rest takes a new
	// start of the process.
	Process []string `json:"process"`
}

// Empty reports whether nothing differs.
func (c Changes) Empty() bool {
	return len(c.Added)+len(c.Removed)+len(c.Changed)+len(c.Process) == 0
}

// Diff compares two configurations, instance by instance as resolved, so that a
// changed default counts for all that it applies to.
func Diff(before, after Config) Changes {
	changes := Changes{Added: []string{}, Removed: []string{}, Changed: []string{}, Process: []string{}}
	hashes := make(map[string]string, len(before.Instances))
	for _, i := range before.Instances {
		hashes[i.Name] = InstanceHash(before.Resolve(i))
	}
	for _, i := range after.Instances {
		was, known := hashes[i.Name]
		delete(hashes, i.Name)
		switch {
		case !known:
			changes.Added = append(changes.Added, i.Name)
		case was != InstanceHash(after.Resolve(i)):
			changes.Changed = append(changes.Changed, i.Name)
		}
	}
	for name := range hashes {
		changes.Removed = append(changes.Removed, name)
	}
	a, b := reflect.ValueOf(before), reflect.ValueOf(after)
	for _, f := range fieldsOf(a.Type()) {
		if f.key != "instances" && f.key != "defaults" {
			changes.Process = append(changes.Process, changedKeys(a.FieldByIndex(f.index), b.FieldByIndex(f.index), []string{f.key})...)
		}
	}
	slices.Sort(changes.Added)
	slices.Sort(changes.Removed)
	slices.Sort(changes.Changed)
	slices.Sort(changes.Process)
	return changes
}

func changedKeys(a, b reflect.Value, path []string) []string {
	if !isGroup(a.Type()) {
		if reflect.DeepEqual(encode(a, true), encode(b, true)) {
			return nil
		}
		return []string{strings.Join(path, ".")}
	}
	var out []string
	for _, f := range fieldsOf(a.Type()) {
		out = append(out, changedKeys(a.FieldByIndex(f.index), b.FieldByIndex(f.index), append(path[:len(path):len(path)], f.key))...)
	}
	return out
}
