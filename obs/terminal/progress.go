package terminal

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Progress is how far something is. Only What is needed.
type Progress struct {
	// What is being done, such as "verifying".
	What string
	// Done of Total are counted in Unit, such as "instances"; a Total of 0 means
	// that there is nothing to count.
	Done, Total uint64
	Unit        string
	// Uneven says that some take much longer than others: no time is estimated.
	Uneven bool
	// Detail is anything else that is worth to know.
	Detail string
	// Deadline is when it ends at the latest; zero for never. It is said in place of
	// an estimate.
	Deadline time.Time
}

// estimateAfter is how long something is watched before it is said how long it is
// going to take.
const estimateAfter = 3 * time.Second

// line words the progress of something after it went on for a time.
func (p Progress) line(took time.Duration, now time.Time) string {
	var text strings.Builder
	text.WriteString(p.What)
	if p.Total > 0 {
		fmt.Fprintf(&text, ": %d of %d %s", p.Done, p.Total, p.Unit)
	}
	text.WriteString(" (" + seconds(took))
	switch {
	case !p.Deadline.IsZero():
		text.WriteString(", at most " + seconds(max(0, p.Deadline.Sub(now))+upwards) + " left")
	case !p.Uneven && p.Done > 0 && p.Done < p.Total && took >= estimateAfter:
		left := float64(took) / float64(p.Done) * float64(p.Total-p.Done)
		text.WriteString(", about " + seconds(time.Duration(left)+upwards) + " left")
	}
	text.WriteString(")")
	if p.Detail != "" {
		text.WriteString(": " + p.Detail) // the last: it may be cut off
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text.String())
}

// upwards rounds what is left up: it is not said that nothing is.
const upwards = time.Second - 1

func seconds(d time.Duration) string { return d.Truncate(time.Second).String() }

// fit shortens a line to a number of columns.
func fit(line string, columns int) string {
	if utf8.RuneCountInString(line) <= columns {
		return line
	}
	return string([]rune(line)[:max(0, columns-1)]) + "…"
}
