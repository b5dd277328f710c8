// Package terminal shows people how far something is that takes longer than a
// second, and knows whether there are people to show it, or colours, to.
//
// On a terminal the progress is one line below all output, which is rewritten in
// place and gone in the end. Elsewhere, in the log of a CI system say, it is a
// plain line every ten seconds. Either goes to standard error only: what a program
// prints on standard output stays as it is.
package terminal

import (
	"os"

	"golang.org/x/term"
)

// Is reports whether a stream, an [*os.File], is a terminal. Anything else is none.
func Is(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// Colours says whether to write in colours; false leaves texts as they are.
type Colours bool

// ColoursFor decides it for a stream and an environment. Terminals get colours,
// unless NO_COLOR is set to anything, TERM is dumb or CLICOLOR is 0. Where
// CLICOLOR_FORCE is set to anything but 0 all else gets them as well, unless
// NO_COLOR is set.
func ColoursFor(stream any, getenv func(name string) string) Colours {
	return coloursFor(Is(stream), getenv)
}

func coloursFor(terminal bool, getenv func(name string) string) Colours {
	force := getenv("CLICOLOR_FORCE")
	switch {
	case getenv("NO_COLOR") != "":
		return false
	case force != "" && force != "0":
		return true
	}
	return Colours(terminal && getenv("TERM") != "dumb" && getenv("CLICOLOR") != "0")
}

// Red is for what is wrong.
func (c Colours) Red(text string) string { return c.paint("31", text) }

// Yellow is for what needs attention.
func (c Colours) Yellow(text string) string { return c.paint("33", text) }

// Green is for what is right.
func (c Colours) Green(text string) string { return c.paint("32", text) }

func (c Colours) paint(code, text string) string {
	if !c || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
