package obs_test

import (
	"bytes"
	"strings"
	"testing"
)

// taken returns what was logged since the last call.
func taken(out *bytes.Buffer) string {
	text := out.String()
	out.Reset()
	return text
}

func TestAnInstanceLogsAtALevelOfItsOwn(t *testing.T) {
	t.Parallel()
	logger, control, out := newLogger(t, "info")
	one, other := logger.With("instance", "one"), logger.With("instance", "other").With("part", "engine")
	say := func() {
		logger.Debug("of the process")
		one.Debug("of one")
		one.WithGroup("more").With("instance", "other").Debug("of one, below a name")
		other.Debug("of the other")
		other.Warn("a warning of the other")
	}
	say()
	if text := taken(out); strings.Contains(text, "debug") || !strings.Contains(text, "a warning of the other") {
		t.Errorf("at info: %s", text)
	}
	if err := control.SetInstance("one", "debug"); err != nil {
		t.Fatal(err)
	}
	say()
	if text := taken(out); strings.Count(text, "debug") != 2 || !strings.Contains(text, "of one, below a name") {
		t.Errorf("with one at debug: %s", text)
	}
	// It is its own, whatever the process is set to.
	if err := control.Set("debug"); err != nil {
		t.Fatal(err)
	}
	if err := control.SetInstance("other", "error"); err != nil {
		t.Fatal(err)
	}
	say()
	if text := taken(out); strings.Contains(text, "of the other") || strings.Count(text, "debug") != 3 {
		t.Errorf("with the process at debug, and the other at error: %s", text)
	}
	if level, own := control.GetInstance("other"); level != "error" || !own {
		t.Errorf("the other is at %s, %t", level, own)
	}
	if err := control.SetInstance("other", ""); err != nil {
		t.Fatal(err)
	}
	if level, own := control.GetInstance("other"); level != "debug" || own {
		t.Errorf("the other is at %s, %t", level, own)
	}
	say()
	if text := taken(out); strings.Count(text, "debug") != 4 {
		t.Errorf("with the other at the level of the process: %s", text)
	}
	if err := control.SetInstance("one", "loud"); err == nil || !strings.Contains(err.Error(), "debug, info, warn or error") {
		t.Errorf("a level that there is not: %v", err)
	}
	if level, _ := control.GetInstance("one"); level != "debug" {
		t.Errorf("it changed the level to %s", level)
	}
}
