package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAChangeIsTakenUpOnceItStands(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "a.yaml")
	write(t, file, "one")
	f := newFingerprints([]string{file})
	expect := func(want bool, when string) {
		t.Helper()
		if got := f.look(); got != want {
			t.Errorf("%s: look() = %v, want %v", when, got, want)
		}
	}
	expect(false, "unchanged")
	write(t, file, "two, half")
	expect(false, "just changed")
	write(t, file, "two, whole")
	expect(false, "still changing")
	expect(true, "standing")
	expect(false, "taken up")
	if err := os.Chtimes(file, time.Now(), time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	expect(false, "touched")
	expect(false, "touched, standing")
}

func TestAFileThatIsGoneForAMomentIsNoChange(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "a.yaml")
	write(t, file, "one")
	f := newFingerprints([]string{file})
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if f.look() {
		t.Error("a file in the middle of a rename counts as a change")
	}
	write(t, file, "one")
	if changed := []bool{f.look(), f.look()}; changed[0] || changed[1] {
		t.Error("a file that is back as it was counts as a change")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if f.look(); !f.look() {
		t.Error("a file that stays away is no change, so nobody hears of it")
	}
}

func TestAChangeThatWasTakenUpByASignalIsNotTakenUpAgain(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "a.yaml")
	write(t, file, "one")
	f := newFingerprints([]string{file})
	write(t, file, "two")
	f.look()
	f.settle()
	if changed := []bool{f.look(), f.look()}; changed[0] || changed[1] {
		t.Error("the change is taken up twice")
	}
}
