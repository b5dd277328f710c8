// Command custodian runs many simulated custodians in one process and talks to
// a process that does.
//
//	custodian serve --config configs/local.yaml     run the supervisor
//	custodian validate --config configs/local.yaml  check a configuration
//	custodian verify --config configs/local.yaml    compare books with their journal
//	custodian instance list                         see what a supervisor runs
//
// With no --config the environment describes a single custodian. `custodian help`
// lists everything.
//
// The exit code is 0 where all went well, 1 where something was refused or
// failed, and 2 where what was asked makes no sense: usage, a configuration with
// mistakes, a store that cannot be used. A supervisor that was told to end exits
// with 3 where requests were cut off when the grace period ended, and with 4 where
// a second signal cut the drain short.
package main

import (
	"context"
	"os"
	_ "time/tzdata" // cut-offs need time zones wherever the program runs
)

// version is set at build time: -ldflags '-X main.version=v1.2.3'.
var version string

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ()))
}
