package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// profiledConnections is how many connections the load has that is profiled.
const profiledConnections = 64

// profile records what the program does under the load of the row settle, and
// leaves it for go tool pprof.
func profile(ctx context.Context, b *bench) error {
	if err := os.MkdirAll(b.profiles, 0o755); err != nil { //nolint:gosec // profiles are no secret
		return err
	}
	d, err := b.startDurable(ctx)
	if err != nil {
		return err
	}
	defer d.close()
	httpAddr, grpcAddr, err := d.addInstance(ctx, map[string]any{"name": "bench"})
	if err != nil {
		return err
	}
	for _, face := range []struct {
		name    string
		connect func(run string) connector
	}{
		{"http", func(run string) connector { return httpDeposits(httpAddr, run) }},
		{"grpc", func(run string) connector { return grpcDeposits(grpcAddr, run) }},
	} {
		for _, kind := range []string{"profile", "block", "mutex", "heap", "allocs"} {
			// The load begins before the profile and ends behind it.
			length := time.Duration(b.seconds+1) * time.Second
			loaded := make(chan error, 1)
			go func() {
				_, err := closedLoop(ctx, profiledConnections, length, face.connect(face.name+kind))
				loaded <- err
			}()
			time.Sleep(length / 5)
			file := filepath.Join(b.profiles, face.name+"-"+kind+".pb.gz")
			if err := fetch(ctx, fmt.Sprintf("%s/debug/pprof/%s?seconds=%d", d.admin, kind, b.seconds), file); err != nil {
				return err
			}
			if err := <-loaded; err != nil {
				return err
			}
			fmt.Println(file)
		}
	}
	return nil
}
