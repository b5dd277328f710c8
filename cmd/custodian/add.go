package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/client"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

func (a *app) addCommand(c *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use: "add [NAME]", Short: "Add an instance and start it", Args: atMost(1), ValidArgsFunction: cobra.NoFileCompletions,
		Long: `Add an instance and start it. It is kept over restarts of the supervisor until
it is removed. The entry is one of "instances:" in the configuration file, as
YAML or JSON; flags win over it.`,
		Example: `  custodian instance add alpine-bank
  custodian instance add --name zurich-bank --http-port 8090 --grpc-port 50090
  custodian instance add --file entry.yaml`,
	}
	flags := cmd.Flags()
	file := flags.StringP("file", "f", "", "file with the entry, or - for standard input")
	flags.String("name", "", "name, a DNS label")
	flags.Int("http-port", 0, "HTTP port (default one of the supervisor's range)")
	flags.Int("grpc-port", 0, "gRPC port (default one of the supervisor's range)")
	flags.String("profile", "", "kind of custodian")
	flags.Uint64("seed", 0, "seed of identifiers and chances")
	flags.String("storage", "", "sqlite, memory or postgres (default the supervisor's)")
	flags.String("redis", "", "embedded, server or off (default the supervisor's)")
	flags.Duration("drain-grace", 0, "how long a drain waits for what is in flight")
	wait := flags.Bool("wait", true, "return only when it runs; if it does not start it is forgotten again")
	output := addFormat(cmd)
	_ = cmd.MarkFlagFilename("file", "yaml", "yml", "json") // the flag is there
	completeFrom(cmd, "profile", profile.Names()...)
	completeFrom(cmd, "storage", storageDrivers...)
	completeFrom(cmd, "redis", redisDrivers...)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		entry, name, err := a.entry(cmd, *file, args)
		if err != nil {
			return err
		}
		return c.call(func(ctx context.Context, api *client.Client, _ []string) error {
			var i wire.Instance
			var err error
			a.watched(ctx, api, "adding", []string{name}, func(func()) { i, err = api.Add(ctx, entry, *wait) })
			if err != nil {
				return err
			}
			return a.printInstance(output, i)
		})(cmd, nil)
	}
	return cmd
}

// entryFlags are the flags of an entry's keys.
var entryFlags = []struct {
	flag string
	path []string
}{
	{"name", []string{"name"}},
	{"http-port", []string{"http_port"}},
	{"grpc-port", []string{"grpc_port"}},
	{"profile", []string{"profile"}},
	{"seed", []string{"seed"}},
	{"storage", []string{"storage", "driver"}},
	{"redis", []string{"redis", "driver"}},
	{"drain-grace", []string{"drain_grace"}},
}

// entry puts an entry together from a file, flags and the argument. Whether it
// is right, the supervisor says.
func (a *app) entry(cmd *cobra.Command, file string, args []string) (document []byte, name string, err error) {
	entry := map[string]any{}
	if file != "" {
		document, err := a.document(file)
		if err != nil {
			return nil, "", err
		}
		decoder := json.NewDecoder(bytes.NewReader(document))
		decoder.UseNumber() // amounts stay exactly as they were written
		if err := decoder.Decode(&entry); err != nil || entry == nil {
			return nil, "", inputError(fmt.Errorf("%s: an entry must be a mapping of keys to values", file))
		}
	}
	for _, f := range entryFlags {
		flag := cmd.Flags().Lookup(f.flag)
		if !flag.Changed {
			continue
		}
		var value any = flag.Value.String()
		switch flag.Value.Type() {
		case "int", "uint64":
			value = json.Number(flag.Value.String())
		}
		if err := put(entry, f.path, value); err != nil {
			return nil, "", inputError(fmt.Errorf("--%s: %w", f.flag, err))
		}
	}
	if len(args) == 1 {
		if named := cmd.Flags().Lookup("name"); named.Changed && named.Value.String() != args[0] {
			return nil, "", usageError(cmd, fmt.Errorf("the name is given twice, as %s and %s", args[0], named.Value))
		}
		entry["name"] = args[0]
	}
	if _, named := entry["name"]; !named && file != "" {
		return nil, "", usageError(cmd, fmt.Errorf("the entry in %s has no name; give it as NAME", file))
	} else if !named {
		return nil, "", usageError(cmd, errors.New("a name or --file is needed"))
	}
	name, _ = entry["name"].(string) // else the supervisor says what is wrong
	document, err = json.Marshal(entry)
	return document, name, err
}

// put sets a key below others, which must be mappings.
func put(into map[string]any, path []string, value any) error {
	for ; len(path) > 1; path = path[1:] {
		below, ok := into[path[0]].(map[string]any)
		if !ok && into[path[0]] != nil {
			return fmt.Errorf("%s is no mapping in the file", path[0])
		}
		if below == nil {
			below = map[string]any{}
			into[path[0]] = below
		}
		into = below
	}
	into[path[0]] = value
	return nil
}

// maxDocument bounds what is read of a file, in bytes: more than the admin API
// takes.
const maxDocument = 16 << 20

// document reads a file, or standard input, in YAML or JSON and returns it as
// JSON.
func (a *app) document(file string) ([]byte, error) {
	in, name := a.in, "standard input"
	if file != "-" {
		opened, err := openFile(file)
		if err != nil {
			return nil, err
		}
		defer func() { _ = opened.Close() }() // only read from
		in, name = opened, file
	}
	data, err := io.ReadAll(io.LimitReader(in, maxDocument))
	if err != nil {
		return nil, inputError(fmt.Errorf("reading %s: %w", name, err))
	}
	return config.ToJSON(data, name)
}
