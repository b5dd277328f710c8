package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// listening returns a configuration with the port that the system chose for the admin
// API, where it was to choose one.
func listening(c config.Config, server *admin.Server) config.Config {
	if _, port, err := net.SplitHostPort(c.Admin.Listen); err == nil && port == "0" {
		c.Admin.Listen = server.Addr()
	}
	return c
}

// publish writes the address of the admin API into a file, if one is named, at once or
// not at all. The returned function removes it, unless another process has written its
// own there since.
func publish(name, url string, logger *slog.Logger) (withdraw func(), err error) {
	if name == "" {
		return func() {}, nil
	}
	line := url + "\n"
	out, err := os.CreateTemp(filepath.Dir(name), ".custodian-*")
	if err != nil {
		return nil, fmt.Errorf("admin.address_file: no file can be made in %s: %w", filepath.Dir(name), reasonOf(err))
	}
	defer func() { _ = os.Remove(out.Name()) }() // it is not there any more, if all went well
	_, err = out.WriteString(line)
	if err = errors.Join(err, out.Close()); err == nil {
		err = os.Rename(out.Name(), name)
	}
	if err != nil {
		return nil, fmt.Errorf("admin.address_file: %s cannot be written: %w", name, err)
	}
	return func() {
		if found, err := os.ReadFile(name); err != nil || string(found) != line {
			return
		}
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			logger.Warn("the file with the address of the admin API stays", "file", name, "error", err)
		}
	}, nil
}

// errNoAddress reports that no supervisor has written its address yet, or that it has
// ended.
var errNoAddress = errors.New("no supervisor has written its address")

// readAddress reads what publish has written.
func readAddress(name string) (string, error) {
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", advise(fmt.Errorf("%w to %s", errNoAddress, name),
			"start it with: custodian serve --config FILE --admin-address-file "+name)
	}
	if err != nil {
		return "", inputError(fmt.Errorf("--admin-file: %s cannot be read: %w", name, reasonOf(err)))
	}
	return strings.TrimSpace(string(data)), nil
}
