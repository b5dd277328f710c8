package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs/terminal"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/client"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/snapshot"
)

func (a *app) cloneCommand(c *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use: "clone NAME COPY", Short: "Copy an instance, with its books, into a new one", Args: exactly("NAME", "COPY"), ValidArgsFunction: c.names(false),
		Long: `Copy an instance, with its books as they are or were, into a new one, and start it.
The instance may run, and goes on meanwhile. Webhook endpoints that requests added
to it are forgotten in the copy.`,
	}
	output := addFormat(cmd)
	var o wire.Clone
	cmd.Flags().IntVar(&o.HTTPPort, "http-port", 0, "HTTP port of the copy (default one of the range)")
	cmd.Flags().IntVar(&o.GRPCPort, "grpc-port", 0, "gRPC port of the copy (default one of the range)")
	cmd.Flags().Uint64Var(&o.AtSequence, "at-sequence", 0, "last event that the copy has (default all)")
	cmd.RunE = c.call(func(ctx context.Context, api *client.Client, args []string) error {
		o.Name = args[1]
		var i wire.Instance
		var err error
		a.watched(ctx, api, "cloning "+args[0]+" into", args[1:], func(func()) { i, err = api.Clone(ctx, args[0], o) })
		if err != nil {
			return err
		}
		return a.printInstance(output, i)
	})
	return cmd
}

func (a *app) snapshotCommand(c *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use: "snapshot NAME", Short: "Write the books of an instance into a file", Args: exactly("NAME"), ValidArgsFunction: c.names(false),
		Long: `Write the books of an instance into a file. The instance may run, and goes on
meanwhile. The file is checked as it comes, and is there only once it is whole.
It holds the secrets of webhook endpoints that requests added: keep it safe.`,
		Example: "  custodian instance snapshot custodian-sim-001 --to monday.custodian",
	}
	file := cmd.Flags().StringP("to", "t", "", "the file (default NAME.custodian; - for standard output)")
	cmd.RunE = c.call(func(ctx context.Context, api *client.Client, args []string) error {
		name := args[0] + ".custodian"
		if *file != "" {
			name = *file
		}
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			return advise(inputError(fmt.Errorf("%s is a directory, no file", name)),
				"give a file as --to, such as "+filepath.Join(name, args[0]+".custodian"))
		}
		body, err := api.Snapshot(ctx, args[0])
		if err != nil {
			return err
		}
		defer func() { _ = body.Close() }() // only read from
		if name == "-" {
			_, err := a.receive(args[0], body, a.out)
			return err
		}
		out, err := os.CreateTemp(filepath.Dir(name), ".custodian-*")
		if err != nil {
			return advise(inputError(fmt.Errorf("no file can be made in %s: %w", filepath.Dir(name), reasonOf(err))),
				"give a file as --to whose directory is there and can be written to")
		}
		defer func() { _ = os.Remove(out.Name()) }() // it is not there any more, if all went well
		header, err := a.receive(args[0], body, out)
		if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
			return err
		}
		if err := os.Rename(out.Name(), name); err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.out, "%s: %s up to event %d\n", name, header.Instance, header.Sequence)
		return err
	})
	return cmd
}

// receive copies a snapshot and checks it on the way.
func (a *app) receive(name string, from io.Reader, to io.Writer) (snapshot.Header, error) {
	r, header, err := snapshot.NewReader(io.TeeReader(from, to))
	if err != nil {
		return header, err
	}
	defer r.Close()
	var read atomic.Uint64
	defer a.screen.Show(func() terminal.Progress {
		return terminal.Progress{What: "writing the snapshot of " + name, Done: read.Load(), Total: header.Sequence, Unit: "events"}
	})()
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			return header, nil
		}
		if err != nil {
			return header, fmt.Errorf("reading the snapshot of %s: %w", name, err)
		}
		read.Store(b.Last)
	}
}

func (a *app) restoreCommand(c *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use: "restore NAME FILE", Short: "Take over the books of a snapshot", Args: exactly("NAME", "FILE"), ValidArgsFunction: c.nameThenFile,
		Long: `Take over the books of a snapshot, in place of those that an instance has. The
instance must be drained first, or with --restart is drained, and started again.
The file is proved by replaying it before anything is replaced.`,
		Example: "  custodian instance restore custodian-sim-001 monday.custodian --restart",
	}
	output := addFormat(cmd)
	restart := cmd.Flags().Bool("restart", false, "drain the instance before and start it after")
	cmd.RunE = c.call(func(ctx context.Context, api *client.Client, args []string) error {
		in := a.in
		if args[1] != "-" {
			file, err := openFile(args[1])
			if err != nil {
				return advise(err, "give a file that custodian instance snapshot has written")
			}
			defer func() { _ = file.Close() }() // only read from
			in = file
		}
		var i wire.Instance
		var err error
		a.watched(ctx, api, "restoring", args[:1], func(func()) { i, err = restore(ctx, api, args[0], in, *restart) })
		if err != nil {
			return err
		}
		return a.printInstance(output, i)
	})
	return cmd
}

// restore takes over the books of a snapshot; with restart it drains the instance
// before and starts it after, whether it has new books then or the old ones.
func restore(ctx context.Context, api *client.Client, name string, from io.Reader, restart bool) (wire.Instance, error) {
	if !restart {
		i, err := api.Restore(ctx, name, from)
		if refusal, ok := errors.AsType[*client.Error](err); ok && refusal.Status == http.StatusConflict {
			err = advise(err, "--restart drains it before and starts it after")
		}
		return i, err
	}
	if i, err := api.Drain(ctx, name, 0, true); err != nil {
		return i, err
	}
	_, err := api.Restore(ctx, name, from)
	if ctx.Err() != nil { // nobody is left to start it when that has ended
		return wire.Instance{}, advise(ctx.Err(), "custodian instance start "+name+", once it is restored: it stays drained")
	}
	i, startErr := api.Start(ctx, name, true)
	return i, errors.Join(err, startErr)
}
