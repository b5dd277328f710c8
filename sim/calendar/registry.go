package calendar

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

//go:embed data/*.txt
var data embed.FS

// registry holds the calendars by name, and the names in order.
type registry struct {
	calendars map[string]*Calendar
	names     []string
}

// builtin reads the embedded files once. It panics where they are broken, which
// the package's tests rule out, or where there is no time zone database.
var builtin = sync.OnceValue(func() registry {
	r := registry{calendars: map[string]*Calendar{}}
	files, err := data.ReadDir("data")
	if err != nil {
		panic(fmt.Sprintf("calendar: reading the embedded files: %v", err))
	}
	for _, file := range files {
		text, err := data.ReadFile("data/" + file.Name())
		if err != nil {
			panic(fmt.Sprintf("calendar: reading %s: %v", file.Name(), err))
		}
		c, err := parse(string(text))
		if err != nil {
			panic(fmt.Sprintf("calendar: %s: %v", file.Name(), err))
		}
		r.calendars[c.name] = c
		r.names = append(r.names, c.name)
	}
	slices.Sort(r.names)
	return r
})

// Lookup returns the calendar of that name, whatever its case: NYSE, FEDWIRE,
// SIFMA, T2 or 24X7. It panics where the system has no time zone database and
// the program did not import time/tzdata.
func Lookup(name string) (*Calendar, bool) {
	r := builtin()
	if c, ok := r.calendars[name]; ok {
		return c, true
	}
	c, ok := r.calendars[strings.ToUpper(name)]
	return c, ok
}

// Names lists the calendars in alphabetical order, for messages that say what is
// allowed.
func Names() []string { return slices.Clone(builtin().names) }
