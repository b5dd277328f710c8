package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// openFile opens a file that a command line names. The error is one of what was asked
// for; a directory is none to read from.
func openFile(name string) (*os.File, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, inputError(fmt.Errorf("%s cannot be read: %w", name, reasonOf(err)))
	}
	if info, err := file.Stat(); err == nil && info.IsDir() {
		_ = file.Close() // only looked at
		return nil, inputError(fmt.Errorf("%s cannot be read: %w", name, syscall.EISDIR))
	}
	return file, nil
}

// reasonOf leaves out the path of an error about one, which is said already.
func reasonOf(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
