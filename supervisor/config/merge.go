package config

// merge lays one source over what came before it: maps key by key, instances by
// name, everything else as a whole. Marks go the same way as values.
func merge(src, dest map[string]any, from, into *mark) {
	mergeMaps(src, dest, from, into, true)
}

func mergeMaps(src, dest map[string]any, from, into *mark, top bool) {
	if into.fields == nil {
		into.fields = make(map[string]*mark, len(from.fields))
	}
	for key, at := range from.fields {
		value, given := src[key]
		if !given {
			if at.bad {
				into.fields[key] = at
			}
			continue
		}
		below, known := into.fields[key]
		if !known {
			below = &mark{}
		}
		switch value := value.(type) {
		case map[string]any:
			if old, ok := dest[key].(map[string]any); ok && !isFreeForm(key) {
				mergeMaps(value, old, at, below, false)
				below.file, below.line, below.key = at.file, at.line, at.key
				into.fields[key] = below
				continue
			}
		case []any:
			if old, ok := dest[key].([]any); ok && top && key == "instances" {
				dest[key] = mergeInstances(value, old, at, below)
				into.fields[key] = below
				continue
			}
		}
		dest[key] = value
		into.fields[key] = at
	}
}

// isFreeForm reports whether the map under a key is a value of the user's own,
// of which there are no marks.
func isFreeForm(key string) bool { return key == "metadata" }

// mergeInstances joins two lists by name. An entry is joined once only, so that
// a name which one source gives twice is still there twice to be reported.
func mergeInstances(src, dest []any, from, into *mark) []any {
	byName := make(map[string]int, len(dest))
	for i, entry := range dest {
		byName[nameOf(entry)] = i
	}
	for i, entry := range src {
		name := nameOf(entry)
		at, known := byName[name]
		if !known || name == "" {
			dest = append(dest, entry)
			into.items = append(into.items, from.items[i])
			continue
		}
		delete(byName, name)
		values, _ := entry.(map[string]any)
		old, _ := dest[at].(map[string]any)
		mergeMaps(values, old, from.items[i], into.items[at], false)
	}
	return dest
}

func nameOf(entry any) string {
	fields, _ := entry.(map[string]any)
	name, _ := fields["name"].(string)
	return name
}
