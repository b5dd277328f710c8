package terminal

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

const (
	// showAfter is how long something takes before its progress is shown.
	showAfter = time.Second
	// redrawPause is the time between two looks at progress on a terminal.
	redrawPause = 200 * time.Millisecond
	// linePause is the time between two lines of progress elsewhere.
	linePause = 10 * time.Second
	// defaultWidth is that of a terminal that does not know its own, in columns.
	defaultWidth = 80
)

// erase takes the line away that the cursor is in.
const erase = "\r\x1b[K"

// Screen is where progress is shown. What else is printed on the same terminal goes
// through [Screen.Around], so that the two are not mixed. It is safe for concurrent
// use.
type Screen struct {
	width func() int // nil where there is no terminal

	mu      sync.Mutex
	err     io.Writer
	line    string // what is shown now, "" for nothing
	midLine bool   // whether the last output did not end its line
}

// NewScreen returns the screen of a program with this standard error. A terminal
// that cannot rewrite a line (TERM is dumb) is treated as none.
func NewScreen(stderr io.Writer, getenv func(name string) string) *Screen {
	s := &Screen{err: stderr}
	if Is(stderr) && getenv("TERM") != "dumb" {
		file := stderr.(*os.File)
		s.width = func() int {
			columns, _, err := term.GetSize(int(file.Fd()))
			if err != nil || columns <= 0 {
				return defaultWidth
			}
			return columns
		}
	}
	return s
}

// Live reports whether progress is one line that is rewritten.
func (s *Screen) Live() bool { return s.width != nil }

// Around returns a writer to a stream that does not mix what it writes with the
// progress that is shown. Streams where it is not shown are returned as they are.
func (s *Screen) Around(stream io.Writer) io.Writer {
	if stream == s.err || s.Live() && Is(stream) {
		return &around{s, stream}
	}
	return stream
}

// Show shows progress from when it has lasted for a second until the returned
// function is called, which waits for it to be gone. Look is called whenever it is
// to be drawn, never twice at a time; one Show at a time is enough for any program.
func (s *Screen) Show(look func() Progress) (end func()) {
	began, stop, stopped := time.Now(), make(chan struct{}), make(chan struct{})
	guard.Go("progress", s.failed, func() {
		defer close(stopped)
		s.follow(began, stop, look)
	})
	return sync.OnceFunc(func() {
		close(stop)
		<-stopped
	})
}

// ShowLive is [Screen.Show] on a terminal and nothing elsewhere: for programs that log
// how far they are by themselves.
func (s *Screen) ShowLive(look func() Progress) (end func()) {
	if !s.Live() {
		return func() {}
	}
	return s.Show(look)
}

// Apart takes the progress that is shown away while write writes to the same terminal
// by means of its own, such as [testing.T.Logf]. It is to write whole lines.
func (s *Screen) Apart(write func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aside()
	defer s.again()
	write()
}

// failed tells of a panic of who looks: what is being done goes on without its
// progress.
func (s *Screen) failed(p *guard.Panic) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = fmt.Fprintln(s.err, "progress is no longer shown:", p) // of no consequence
}

func (s *Screen) follow(began time.Time, stop <-chan struct{}, look func() Progress) {
	first, pause := showAfter, redrawPause
	if !s.Live() {
		first, pause = linePause, linePause
	}
	timer := time.NewTimer(first)
	defer timer.Stop()
	defer s.draw("")
	for {
		select {
		case <-stop:
			return
		case <-timer.C:
			timer.Reset(pause)
		}
		line := look().line(time.Since(began), time.Now())
		if s.Live() {
			s.draw(line)
			continue
		}
		s.mu.Lock()
		_, _ = fmt.Fprintln(s.err, line) // of no consequence
		s.mu.Unlock()
	}
}

// draw replaces the line that is shown, with "" by nothing.
func (s *Screen) draw(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.Live() || line == s.line:
	case s.midLine: // somebody's text is there
		s.line = line
	case line == "":
		s.line = ""
		_, _ = io.WriteString(s.err, erase) // of no consequence, here and below
	default:
		s.line = line
		_, _ = io.WriteString(s.err, erase+fit(line, s.width()-1))
	}
}

// around is a writer to where progress is shown.
type around struct {
	screen *Screen
	stream io.Writer
}

// Write takes the line away, writes, and shows the line again below.
func (a *around) Write(p []byte) (int, error) {
	s := a.screen
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aside()
	n, err := a.stream.Write(p)
	if n > 0 {
		s.midLine = p[n-1] != '\n'
	}
	s.again()
	return n, err
}

// aside takes the line away for text, and again shows it below.
func (s *Screen) aside() {
	if s.line != "" && !s.midLine {
		_, _ = io.WriteString(s.err, erase) // of no consequence, here and below
	}
}

func (s *Screen) again() {
	if s.line != "" && !s.midLine {
		_, _ = io.WriteString(s.err, fit(s.line, s.width()-1))
	}
}

// Sync has the file below written to its disk, if it is one.
func (a *around) Sync() error {
	if file, ok := a.stream.(interface{ Sync() error }); ok {
		return file.Sync()
	}
	return nil
}
