package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

// maxEntry bounds an entry that is read from a file, in bytes.
const maxEntry = 4 << 20

func newAdd(s streams, r *remote) *cobra.Command {
	var file, name, profile, storage string
	var httpPort, grpcPort int
	var wait bool
	cmd := &cobra.Command{
		Use: "add", Short: "Add an instance and start it", Args: cobra.NoArgs,
		Example: "  custodian instance add --name custodian-sim-009\n  custodian instance add --file entry.yaml",
	}
	flags := cmd.Flags()
	flags.StringVarP(&file, "file", "f", "", "YAML or JSON file with one entry of instances; - for standard input")
	flags.StringVar(&name, "name", "", "name of the instance")
	flags.IntVar(&httpPort, "http-port", 0, "HTTP port (default: the next free one)")
	flags.IntVar(&grpcPort, "grpc-port", 0, "gRPC port (default: the next free one)")
	flags.StringVar(&profile, "profile", "", "kind of custodian")
	flags.StringVar(&storage, "storage", "", "sqlite, memory or postgres")
	flags.BoolVar(&wait, "wait", true, "return only when it serves")
	format := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var entry []byte
		var err error
		switch {
		case file != "" && name != "":
			err = errEntryTwice
		case file != "":
			entry, err = readEntry(s, file)
		case name == "":
			err = errors.New("--name or --file is required")
		default:
			fields := map[string]any{"name": name}
			if httpPort != 0 {
				fields["http_port"] = httpPort
			}
			if grpcPort != 0 {
				fields["grpc_port"] = grpcPort
			}
			if profile != "" {
				fields["profile"] = profile
			}
			if storage != "" {
				fields["storage"] = map[string]any{"driver": storage}
			}
			entry, err = json.Marshal(fields)
		}
		if err != nil {
			return badInput(err)
		}
		c, err := r.connect()
		if err != nil {
			return err
		}
		i, err := c.Add(cmd.Context(), entry, wait)
		if err != nil {
			return ofServer(err)
		}
		return printInstance(s, *format, i)
	}
	return cmd
}

// readEntry reads an entry and shows it as JSON. Numbers keep their text.
func readEntry(s streams, file string) ([]byte, error) {
	in := s.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // only read
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxEntry+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxEntry {
		return nil, fmt.Errorf("%s: larger than %d bytes", file, maxEntry)
	}
	var node yaml.Node
	if err := yaml.Unmarshal(data, &node); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(node.Content) != 1 {
		return nil, fmt.Errorf("%s: holds no entry", file)
	}
	value, err := plain(node.Content[0])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return json.Marshal(value)
}

// plain turns a YAML node into what encodes as the same JSON. Decimal numbers
// become text, so that none passes through a floating point type.
func plain(n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i].Value
			if _, twice := m[key]; twice {
				return nil, fmt.Errorf("line %d: key %s stands twice", n.Content[i].Line, key)
			}
			value, err := plain(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			m[key] = value
		}
		return m, nil
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, item := range n.Content {
			value, err := plain(item)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		return list, nil
	case yaml.ScalarNode:
		if n.Tag == "!!float" {
			return n.Value, nil
		}
		var v any
		err := n.Decode(&v)
		return v, err
	default:
		return nil, fmt.Errorf("line %d: aliases are not allowed in an entry", n.Line)
	}
}
