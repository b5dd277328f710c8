package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
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
			if err := d.record(ctx, kind, b.seconds, file); err != nil {
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

// record writes a profile of some seconds of the program to a file.
func (p *process) record(ctx context.Context, kind string, seconds int, file string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/debug/pprof/%s?seconds=%d", p.admin, kind, seconds), http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("profile %s: %s: %s", kind, resp.Status, data)
	}
	return os.WriteFile(file, data, 0o644) //nolint:gosec // a profile is no secret
}
