package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
)

const (
	bulkConnections = 4
	bulkSize        = 1000
	streamSize      = 250
)

// bulk measures the rows a second that the bulk endpoint and streams have written, all of them
// counted and until the tables show them, next to batched inserts of as many rows
// a transaction.
func bulk(ctx context.Context, b *bench) error {
	d, err := b.startDurable(ctx)
	if err != nil {
		return err
	}
	defer d.close()
	address, grpcAddress, err := d.addInstance(ctx, map[string]any{"name": "bench"})
	if err != nil {
		return err
	}
	length := time.Duration(b.seconds) * time.Second
	var inserted []float64
	ways := []*ingested{
		{name: fmt.Sprintf("bulk requests of %d settlements", bulkSize), size: bulkSize, connect: func(run string) connector { return httpBulk(address, inOrder("b"+run)) }},
		{name: fmt.Sprintf("streams of settlements, %d under way in each", streamSize), size: streamSize,
			connect: func(run string) connector { return grpcStream(grpcAddress, "s"+run) }},
	}
	for round := range b.rounds {
		b.at("round %d of %d", round+1, b.rounds)
		rate, err := batchedInserts(ctx, d.pg.URL, length)
		if err != nil {
			return err
		}
		inserted = append(inserted, rate)
		for _, way := range ways {
			before, err := countRows(ctx, d.pg.URL, "bench")
			if err != nil {
				return err
			}
			begin := time.Now()
			s := &series{}
			if err := s.run(ctx, d.process, bulkConnections, length, way.connect(strconv.Itoa(round))); err != nil {
				return err
			}
			took := time.Since(begin).Seconds()
			after, err := countRows(ctx, d.pg.URL, "bench")
			if err != nil {
				return err
			}
			way.written = append(way.written, float64(after-before)/took)
			way.settled = append(way.settled, s.perSecond[0]*float64(way.size))
		}
	}
	base := b.add(fmt.Sprintf("batched inserts of %d rows, %d connections", bulkSize, bulkConnections), "rows/s", inserted, "", 0, "")
	for _, way := range ways {
		b.add(fmt.Sprintf("rows written by %s, %d connections", way.name, bulkConnections), "rows/s", way.written, "batched inserts", base,
			fmt.Sprintf("%.0f settlements/s answered", median(way.settled)))
	}
	return nil
}

// ingested is a way to send many settlements, and what came of it.
type ingested struct {
	name             string
	size             int // settlements of a call
	connect          func(run string) connector
	written, settled []float64 // rows and settlements a second
}

// grpcStream returns a connector whose calls send as many settlements as may be
// under way over a stream, and wait for their answers.
func grpcStream(address, run string) connector {
	return func(ctx context.Context) (call, func(), error) {
		conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, nil, err
		}
		stream, err := custodianpb.NewSettlementServiceClient(conn).StreamSettlements(ctx)
		if err != nil {
			return nil, nil, errors.Join(err, conn.Close())
		}
		ask := func(_ context.Context, n uint64) error {
			for i := range streamSize {
				err := stream.Send(&custodianpb.StreamSettlementsRequest{Settlement: &custodianpb.CreateSettlementRequest{
					SettlementType: "DEPOSIT", AccountId: fmt.Sprintf("account-%d", i%100), Symbol: "BTC", Quantity: "0.25",
					ExternalId: fmt.Sprintf("%s-%d-%d", run, n, i),
				}})
				if err != nil {
					return err
				}
			}
			for range streamSize {
				answer, err := stream.Recv()
				if err != nil {
					return err
				}
				if refusal := answer.GetResult().GetError(); refusal != nil {
					return fmt.Errorf("refused: %v", refusal)
				}
			}
			return nil
		}
		return ask, func() { _ = conn.Close() }, nil
	}
}

// httpBulk returns a connector whose calls send many settlements at once.
func httpBulk(address string, id naming) connector {
	return func(ctx context.Context) (call, func(), error) {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, nil, err
		}
		reader := bufio.NewReaderSize(conn, 64<<10)
		var body bytes.Buffer
		post := func(_ context.Context, n uint64) error {
			body.Reset()
			body.WriteString(`{"settlements":[`)
			for i := range bulkSize {
				if i > 0 {
					body.WriteByte(',')
				}
				fmt.Fprintf(&body, `{"settlement_type":"DEPOSIT","account_id":"account-%d","symbol":"BTC","quantity":"0.25","external_id":%q}`, i%100, id(n*bulkSize+uint64(i)))
			}
			body.WriteString("]}")
			head := fmt.Sprintf("POST /api/v1/settlements/bulk HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", address, body.Len())
			if _, err := conn.Write(append([]byte(head), body.Bytes()...)); err != nil {
				return err
			}
			resp, err := http.ReadResponse(reader, nil) // in chunks
			if err != nil {
				return err
			}
			defer func() { _ = resp.Body.Close() }() // read to its end
			if resp.StatusCode != http.StatusOK {
				text, err := io.ReadAll(resp.Body)
				return errors.Join(fmt.Errorf("answer %s: %.500s", resp.Status, text), err)
			}
			_, err = io.Copy(io.Discard, resp.Body)
			return err
		}
		return post, func() { _ = conn.Close() }, nil
	}
}

// batchedInserts returns the rows a second of prepared inserts that are sent and
// committed many at a time.
func batchedInserts(ctx context.Context, url string, length time.Duration) (float64, error) {
	group, ctx := errgroup.WithContext(ctx)
	counts := make([]int, bulkConnections)
	begin := time.Now()
	for i := range counts {
		group.Go(func() (err error) {
			conn, err := pgx.Connect(ctx, url)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, conn.Close(ctx)) }()
			for time.Since(begin) < length {
				var batch pgx.Batch
				for n := range bulkSize {
					batch.Queue(`INSERT INTO bench_settlements VALUES (gen_random_uuid(), gen_random_uuid()::text, 'DEPOSIT', $1, 'BTC', 0.25,
						'COMPLETED', 'DEPOSITORY', $1, now(), now(), current_date, NULL)`, fmt.Sprintf("account-%d", n%100))
				}
				if err := conn.SendBatch(ctx, &batch).Close(); err != nil { // one transaction, as it is one batch
					return err
				}
				counts[i] += bulkSize
			}
			return nil
		})
	}
	err := group.Wait()
	total := 0
	for _, n := range counts {
		total += n
	}
	return float64(total) / time.Since(begin).Seconds(), err
}

// countRows counts all rows in a schema.
func countRows(ctx context.Context, url, schema string) (total int64, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	rows, err := conn.Query(ctx, `SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = $1`, schema)
	if err != nil {
		return 0, err
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return 0, err
	}
	for _, table := range tables {
		var n int64
		if err := conn.QueryRow(ctx, "SELECT count(*) FROM "+table).Scan(&n); err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}
