//go:build unix

package servers

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Oldest major versions that the program supports.
const (
	postgresMajorMin = 14
	redisMajorMin    = 7
)

// postgresPlaces are where packages put PostgreSQL's programs without adding
// them to the search path: Debian and Ubuntu, Fedora and its kin, Homebrew.
var postgresPlaces = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/opt/homebrew/opt/postgresql@*/bin",
	"/usr/local/opt/postgresql@*/bin",
}

// PostgresBin returns the directory with PostgreSQL's programs (postgres,
// initdb and, where installed, pgbench) and the server's version, such as
// "15.6". It takes the first that is new enough of: the search path, what
// pg_config names, and the usual places, newest first.
func PostgresBin(ctx context.Context) (dir, version string, err error) {
	var candidates []string
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			candidates = append(candidates, filepath.Dir(path))
		}
	}
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		candidates = append(candidates, strings.TrimSpace(string(out)))
	}
	for _, place := range postgresPlaces {
		found, _ := filepath.Glob(place) // its only error is a malformed pattern
		slices.SortFunc(found, func(a, b string) int { return majorInPath(b) - majorInPath(a) })
		candidates = append(candidates, found...)
	}

	var refused []error
	for _, dir := range candidates {
		if _, err := exec.LookPath(filepath.Join(dir, "initdb")); err != nil {
			continue // client programs only
		}
		version, err := versionOf(ctx, filepath.Join(dir, "postgres"), postgresMajorMin)
		if err == nil {
			return dir, version, nil
		}
		refused = append(refused, err)
	}
	if len(refused) > 0 {
		return "", "", fmt.Errorf("no usable PostgreSQL: %w", errors.Join(refused...))
	}
	return "", "", fmt.Errorf("no PostgreSQL server found: install version %d or later (Debian, Ubuntu: apt-get install postgresql), or set %s to one that runs",
		postgresMajorMin, EnvPostgresURL)
}

// RedisServer returns the path of the redis-server program and its version,
// such as "7.0.15".
func RedisServer(ctx context.Context) (path, version string, err error) {
	path, err = exec.LookPath("redis-server")
	if err != nil {
		return "", "", fmt.Errorf("no Redis server found: install version %d or later (Debian, Ubuntu: apt-get install redis-server), or set %s to one that runs",
			redisMajorMin, EnvRedisURL)
	}
	version, err = versionOf(ctx, path, redisMajorMin)
	if err != nil {
		return "", "", fmt.Errorf("no usable Redis: %w", err)
	}
	return path, version, nil
}

// versionOf asks a server program for its version and refuses one that is too
// old.
func versionOf(ctx context.Context, program string, majorMin int) (string, error) {
	out, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", program, err)
	}
	version, major := parseVersion(string(out))
	if version == "" {
		return "", fmt.Errorf("%s --version: no version in %q", program, strings.TrimSpace(string(out)))
	}
	if major < majorMin {
		return "", fmt.Errorf("%s is version %s; %d or later is needed", program, version, majorMin)
	}
	return version, nil
}

// versionPattern finds the version in "postgres (PostgreSQL) 15.6 (…)",
// "postgres (PostgreSQL) 18beta1", "Redis server v=7.0.15 sha=…" and
// "prometheus, version 2.42.0+ds (…)".
var versionPattern = regexp.MustCompile(`(?:\) |v=|, version )((\d+)[0-9A-Za-z.]*)`)

// parseVersion returns the version that a server printed, and its first
// number; both are zero if there is none.
func parseVersion(output string) (version string, major int) {
	match := versionPattern.FindStringSubmatch(output)
	if match == nil {
		return "", 0
	}
	major, err := strconv.Atoi(match[2])
	if err != nil {
		return "", 0
	}
	return match[1], major
}

var numberInPath = regexp.MustCompile(`\d+`)

// majorInPath returns the first number in a path, 0 if there is none.
func majorInPath(path string) int {
	number, err := strconv.Atoi(numberInPath.FindString(path))
	if err != nil {
		return 0
	}
	return number
}
