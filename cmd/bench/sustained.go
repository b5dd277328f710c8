package main

import (
	"context"
	"fmt"
	"time"
)

// sustainedAt are the numbers of connections at which load is kept up.
var sustainedAt = []int{64, 256}

// lagEvery is how often it is looked meanwhile how far the tables are behind.
const lagEvery = 250 * time.Millisecond

// sustained measures durable settlements, one per request, of one instance for a
// minute, next to single-row commits of pgbench for as long, and whether the tables
// keep up: their lag must not grow from one quarter of the minute to the next.
func sustained(ctx context.Context, b *bench) error {
	d, err := b.startDurable(ctx)
	if err != nil {
		return err
	}
	defer d.close()
	httpAddr, grpcAddr, err := d.addInstance(ctx, map[string]any{"name": "bench"})
	if err != nil {
		return err
	}
	length := time.Duration(b.sustained) * time.Second
	for _, connections := range sustainedAt {
		var commits []float64
		overHTTP, overGRPC := &watched{}, &watched{}
		for round := range b.rounds {
			b.at("%d connections, round %d of %d", connections, round+1, b.rounds)
			tps, err := pgbench(ctx, d.pg.URL, connections, b.sustained)
			if err != nil {
				return err
			}
			commits = append(commits, tps)
			run := fmt.Sprintf("%d-%d", connections, round)
			if err := overHTTP.run(ctx, d.process, connections, length, httpDeposits(httpAddr, "h"+run)); err != nil {
				return err
			}
			if err := overGRPC.run(ctx, d.process, connections, length, grpcDeposits(grpcAddr, "g"+run)); err != nil {
				return err
			}
		}
		against := fmt.Sprintf("pgbench at %d", connections)
		base := b.add(fmt.Sprintf("pgbench -M prepared, one row a commit, %d connections, %v", connections, length), "/s", commits, "", 0, "")
		for _, face := range []struct {
			name string
			load *watched
		}{{"HTTP", overHTTP}, {"gRPC", overGRPC}} {
			what := fmt.Sprintf("over %s, %d connections, %v", face.name, connections, length)
			b.add("settlements "+what, "/s", face.load.perSecond, against, base, face.load.note())
			b.add("highest lag of the tables, "+what, "events", face.load.highest, "", 0, face.load.quarters())
		}
	}
	return nil
}

// watched are runs of the same load during which it is looked how many events the
// tables do not show yet.
type watched struct {
	series
	highest []float64
	quarter [4][]float64 // the means of the quarters of each run
}

func (w *watched) run(ctx context.Context, p *process, connections int, length time.Duration, connect connector) error {
	// The load begins before it counts, see closedLoop.
	from := time.Now().Add(length / 5)
	looking, done := context.WithDeadline(ctx, from.Add(length))
	defer done()
	samples := make(chan []sample)
	var failed error
	go func() {
		var s []sample
		s, failed = lags(looking, p, from)
		samples <- s
	}()
	err := w.series.run(ctx, p, connections, length, connect)
	done()
	taken := <-samples
	if err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	for i, mean := range quarterMeans(taken, length) {
		w.quarter[i] = append(w.quarter[i], mean)
	}
	most := 0.0
	for _, s := range taken {
		most = max(most, s.lag)
	}
	w.highest = append(w.highest, most)
	return nil
}

// quarters says what the lag was in the quarters of the time.
func (w *watched) quarters() string {
	return fmt.Sprintf("mean of the quarters %.0f, %.0f, %.0f, %.0f; %.0f at the end",
		median(w.quarter[0]), median(w.quarter[1]), median(w.quarter[2]), median(w.quarter[3]), w.lag)
}

// sample is how many events the tables are behind at a time of a run.
type sample struct {
	at  time.Duration
	lag float64
}

// lags takes samples until the context ends.
func lags(ctx context.Context, p *process, from time.Time) ([]sample, error) {
	var taken []sample
	ticker := time.NewTicker(lagEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return taken, nil
		case <-ticker.C:
		}
		lag, err := p.lag(ctx)
		if ctx.Err() != nil {
			return taken, nil // it was not answered in time
		}
		if err != nil {
			return nil, err
		}
		taken = append(taken, sample{at: time.Since(from), lag: lag})
	}
}

// quarterMeans returns the mean lag in each quarter of a run; samples from outside
// of it do not count.
func quarterMeans(samples []sample, length time.Duration) (means [4]float64) {
	var counts [4]float64
	for _, s := range samples {
		if s.at < 0 || s.at >= length {
			continue
		}
		i := 4 * s.at / length
		means[i] += s.lag
		counts[i]++
	}
	for i, n := range counts {
		if n > 0 {
			means[i] /= n
		}
	}
	return means
}
