package snapshot_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/snapshot"
)

// file returns a snapshot of some batches.
func file(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	var batches []*sim.Batch
	var last sim.Digest
	for n := range uint64(3) {
		b := sim.NewBatch(last, []*sim.Event{{Sequence: n + 1, Time: time.UnixMicro(int64(n) + 1).UTC(), Type: "test.written"}}, []byte("generator"))
		batches, last = append(batches, b), b.Hash
	}
	w, err := snapshot.NewWriter(&out, snapshot.Header{Instance: "a", Sequence: 3, Hash: hex.EncodeToString(last[:])})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// read reads all of a snapshot.
func read(data []byte) (events uint64, err error) {
	r, header, err := snapshot.NewReader(bytes.NewReader(data))
	if err != nil {
		return 0, err
	}
	defer r.Close()
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			if events != header.Sequence {
				return events, errors.New("it has other events than its header says")
			}
			return events, nil
		}
		if err != nil {
			return events, err
		}
		events = b.Last
	}
}

func TestWhatWasWrittenIsRead(t *testing.T) {
	t.Parallel()
	if events, err := read(file(t)); err != nil || events != 3 {
		t.Errorf("read %d events, %v", events, err)
	}
}

func TestEveryCutAndEveryChangedByteIsFound(t *testing.T) {
	t.Parallel()
	whole := file(t)
	for n := range whole {
		if _, err := read(whole[:n]); !errors.Is(err, snapshot.ErrTruncated) && !errors.Is(err, snapshot.ErrFormat) && !errors.Is(err, snapshot.ErrTampered) {
			t.Errorf("cut at %d: %v", n, err)
		}
		changed := bytes.Clone(whole)
		changed[n] ^= 1
		if events, err := read(changed); err == nil && events != 3 {
			t.Errorf("byte %d changed: read %d events without an error", n, events)
		}
	}
	if _, err := read(append(bytes.Clone(whole), whole...)); !errors.Is(err, snapshot.ErrTampered) {
		t.Errorf("with something behind it: %v", err)
	}
}

func FuzzReader(f *testing.F) {
	whole := file(f)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte("custodian snapshot\n\x00\x01\x00\x00\x00\x02{}"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = read(data) // whatever it is, reading it ends
	})
}
