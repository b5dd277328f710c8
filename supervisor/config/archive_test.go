package config

import (
	"bytes"
	"strings"
)

// part is one file of an archive in the txtar format: a comment, then parts that
// each begin with a line "-- name --".
type part struct {
	name string
	data []byte
}

func parseArchive(data []byte) (comment []byte, parts []part) {
	for line := range bytes.Lines(data) {
		if name, ok := strings.CutPrefix(strings.TrimSuffix(string(line), "\n"), "-- "); ok && strings.HasSuffix(name, " --") {
			parts = append(parts, part{name: strings.TrimSuffix(name, " --")})
			continue
		}
		if len(parts) == 0 {
			comment = append(comment, line...)
		} else {
			last := &parts[len(parts)-1]
			last.data = append(last.data, line...)
		}
	}
	return comment, parts
}

func formatArchive(comment []byte, parts []part) []byte {
	out := bytes.Clone(comment)
	for _, p := range parts {
		out = append(out, "-- "+p.name+" --\n"...)
		out = append(out, p.data...)
	}
	return out
}
