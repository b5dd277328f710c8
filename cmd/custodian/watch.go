package main

import (
	"context"
	"crypto/sha256"
	"os"
	"time"
)

// watchEvery is how often the configuration files are looked at. Looking beats
// being notified: editors and mounted volumes replace files in ways that
// notifications lose.
const watchEvery = 2 * time.Second

// glance is what can be told of a file without reading it.
type glance struct {
	modified time.Time
	size     int64
}

// watched is a configuration file as it was when it was last applied.
type watched struct {
	glance
	sum [sha256.Size]byte
}

// watch applies the configuration when the content of a file changes. Files
// that are gone for a moment, as in a rename, are waited for.
func (p *process) watch(ctx context.Context) error {
	known := make(map[string]watched, len(p.files))
	for _, file := range p.files {
		known[file] = look(file, watched{})
	}
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
		changed := ""
		for _, file := range p.files {
			before := known[file]
			after := look(file, before)
			known[file] = after
			if after.sum != before.sum {
				changed = file
			}
		}
		if changed != "" {
			p.reload(ctx, "change of "+changed)
		}
	}
}

// look returns the file as it is now; as it was before if it cannot be read.
func look(file string, before watched) watched {
	info, err := os.Stat(file)
	if err != nil {
		return before
	}
	seen := glance{info.ModTime(), info.Size()}
	if seen == before.glance {
		return before
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return before
	}
	return watched{seen, sha256.Sum256(data)}
}
