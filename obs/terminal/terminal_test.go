package terminal

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for _, pair := range pairs {
			if value, ok := strings.CutPrefix(pair, name+"="); ok {
				return value
			}
		}
		return ""
	}
}

func TestColoursAreForTerminalsThatWantThem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		terminal bool
		env      []string
		want     Colours
	}{
		{true, nil, true},
		{false, nil, false},
		{true, []string{"NO_COLOR=1"}, false},
		{true, []string{"NO_COLOR="}, true},
		{true, []string{"TERM=dumb"}, false},
		{true, []string{"CLICOLOR=0"}, false},
		{true, []string{"CLICOLOR=1"}, true},
		{false, []string{"CLICOLOR=1"}, false},
		{false, []string{"CLICOLOR_FORCE=1"}, true},
		{false, []string{"CLICOLOR_FORCE=0"}, false},
		{true, []string{"CLICOLOR_FORCE=1", "NO_COLOR=1"}, false},
	} {
		if got := coloursFor(c.terminal, environment(c.env...)); got != c.want {
			t.Errorf("terminal %t with %v: %t", c.terminal, c.env, got)
		}
	}
	if got := Colours(true).Red("x") + Colours(false).Red("y") + Colours(true).Green(""); got != "\x1b[31mx\x1b[0my" {
		t.Errorf("got %q", got)
	}
}

func TestFilesAndBuffersAreNoTerminals(t *testing.T) {
	t.Parallel()
	file, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	if Is(file) || Is(&bytes.Buffer{}) || NewScreen(file, environment()).Live() {
		t.Error("a file or a buffer passes for a terminal")
	}
}

func TestProgressSaysWhatCanBeSaid(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	for want, c := range map[string]struct {
		p    Progress
		took time.Duration
	}{
		"verifying (2s)":              {Progress{What: "verifying"}, 2 * time.Second},
		"draining (2s): a: finishing": {Progress{What: "draining", Detail: "a: finishing"}, 2 * time.Second},
		"draining: 1 of 2 instances (1s, at most 9s left): at work": {Progress{What: "draining", Done: 1, Total: 2, Unit: "instances", Detail: "at work", Deadline: now.Add(9 * time.Second)}, time.Second},
		"starting: 1 of 4 instances (2s)":                           {Progress{What: "starting", Done: 1, Total: 4, Unit: "instances"}, 2 * time.Second},
		"starting: 1 of 4 instances (4s, about 12s left)":           {Progress{What: "starting", Done: 1, Total: 4, Unit: "instances"}, 4 * time.Second},
		"starting: 0 of 4 instances (1m4s)":                         {Progress{What: "starting", Total: 4, Unit: "instances"}, 64 * time.Second},
		"starting: 4 of 4 instances (4s)":                           {Progress{What: "starting", Done: 4, Total: 4, Unit: "instances"}, 4 * time.Second},
		"a (0s): [2K b":                                             {Progress{What: "a", Detail: "\x1b[2K b\n"}, 0},
		"playing: 1 of 4 scripts (5s)":                              {Progress{What: "playing", Done: 1, Total: 4, Unit: "scripts", Uneven: true}, 5 * time.Second},
	} {
		if got := c.p.line(c.took, now); strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(want), " ") || strings.ContainsAny(got, "\x1b\n") {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// live returns a screen on a terminal of so many columns.
func live(columns int) (*Screen, *bytes.Buffer) {
	var out bytes.Buffer
	return &Screen{err: &out, width: func() int { return columns }}, &out
}

func TestWhatIsQuickShowsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, out := live(80)
		end := s.Show(func() Progress { t.Error("looked at"); return Progress{} })
		time.Sleep(showAfter - time.Millisecond) // of the test's own clock
		end()
		end()
		if out.Len() > 0 {
			t.Errorf("got %q", out)
		}
	})
}

func TestOneLineIsRewrittenAndErasedAtTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, out := live(20)
		var done uint64
		end := s.Show(func() Progress { done++; return Progress{What: "counting", Done: done, Total: 9, Unit: "sheep"} })
		time.Sleep(showAfter + redrawPause + time.Millisecond)
		end()
		if got, want := out.String(), erase+"counting: 1 of 9 s…"+erase+"counting: 2 of 9 s…"+erase; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestOutputIsNeverMixedWithTheLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, out := live(80)
		printed := &around{s, out}
		end := s.Show(func() Progress { return Progress{What: "working"} })
		time.Sleep(showAfter + time.Millisecond)
		for _, text := range []string{"a log line\n", "go on? ", "yes\n"} {
			if n, err := io.WriteString(printed, text); n != len(text) || err != nil {
				t.Errorf("wrote %d bytes, %v", n, err)
			}
		}
		end()
		const line = "working (1s)"
		if got, want := out.String(), erase+line+erase+"a log line\n"+line+erase+"go on? yes\n"+line+erase; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestWhatIsWrittenByOtherMeansIsNotMixedEither(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, out := live(80)
		s.Apart(func() { out.WriteString("before\n") })
		end := s.ShowLive(func() Progress { return Progress{What: "working"} })
		time.Sleep(showAfter + time.Millisecond)
		s.Apart(func() { out.WriteString("a log line\n") })
		end()
		const line = "working (1s)"
		if got, want := out.String(), "before\n"+erase+line+erase+"a log line\n"+line+erase; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestLogsThatSayItThemselvesGetNoLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		end := NewScreen(&out, environment()).ShowLive(func() Progress { t.Error("looked at"); return Progress{} })
		time.Sleep(linePause + time.Second)
		end()
		if out.Len() > 0 {
			t.Errorf("got %q", out.String())
		}
	})
}

func TestLogsGetALineNowAndThen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		s := NewScreen(&out, environment())
		if other := new(bytes.Buffer); s.Around(other) != io.Writer(other) {
			t.Error("output that is no terminal is not left alone")
		}
		end := s.Show(func() Progress { return Progress{What: "working"} })
		time.Sleep(linePause + time.Second)
		if _, err := io.WriteString(s.Around(&out), "a log line\n"); err != nil {
			t.Error(err)
		}
		time.Sleep(linePause)
		end()
		if got, want := out.String(), "working (10s)\na log line\nworking (20s)\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// What a program does is worth more than a look at how far it is.
func TestAPanicOfWhoLooksEndsTheProgressAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, out := live(80)
		end := s.Show(func() Progress { panic("nothing there") })
		time.Sleep(showAfter + time.Millisecond)
		end()
		synctest.Wait()
		if got := out.String(); !strings.HasPrefix(got, "progress is no longer shown: ") || !strings.Contains(got, "nothing there") {
			t.Errorf("got %q", got)
		}
	})
}
