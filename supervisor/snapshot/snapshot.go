// Package snapshot writes and reads the books of an instance as a file: its
// journal, from which everything else follows.
//
// [NewWriter] and [NewReader] work as streams, in bounded memory. A file is
//
//	the line "custodian snapshot", a newline, the format's version (2 bytes)
//	the length of the header (4 bytes) and the header, JSON
//	the SHA-256 of all that
//	compressed with Zstandard: the batches, each led by its length, then a zero
//	  and the SHA-256 of the sum above and of every batch with its length
//
// with numbers in big endian. So whatever is changed, missing or added is found,
// and a reader knows at the end that it has seen all. That the batches are the
// journal that the header names, whoever applies them finds: their hashes are
// chained.
package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// Version is the version of the format that is written.
const Version = 1

// MediaType is that of snapshots.
const MediaType = "application/vnd.custodian.snapshot"

// Bounds of what is read.
const (
	maxHeader = 64 << 10
	// maxBatch is more than any engine writes, in bytes.
	maxBatch = 256 << 20
	// maxWindow bounds the memory for decompression, in bytes.
	maxWindow = 64 << 20
)

const magic = "custodian snapshot\n"

// Errors of [NewReader] and [Reader.Next]. They are wrapped with what was found.
var (
	ErrFormat    = errors.New("this is no snapshot of a custodian")
	ErrNewer     = errors.New("the snapshot was written by a newer version of the program")
	ErrTruncated = errors.New("the snapshot ends too early")
	ErrTampered  = errors.New("the snapshot was changed or damaged")
)

// Header says what a snapshot holds.
type Header struct {
	// Format is [Version].
	Format int `json:"format"`
	// Instance and Profile are those of the instance that it was taken of.
	Instance string `json:"instance"`
	Profile  string `json:"profile"`
	// Sequence is the last event's, Hash that of the last batch, in hexadecimal
	// digits.
	Sequence uint64 `json:"sequence"`
	Hash     string `json:"hash"`
	// TakenAt is real time, Program the version that wrote it.
	TakenAt time.Time `json:"taken_at"`
	Program string    `json:"program,omitempty"`
}

// Writer writes a snapshot.
type Writer struct {
	out     *zstd.Encoder
	sum     hash.Hash
	scratch []byte
}

// NewWriter writes the header and returns a writer for the batches. It is to be
// closed.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	h.Format = Version
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	head := binary.BigEndian.AppendUint16([]byte(magic), Version)
	head = binary.BigEndian.AppendUint32(head, uint32(len(text))) //nolint:gosec // some hundred bytes
	head = append(head, text...)
	sum := sha256.Sum256(head)
	if _, err := w.Write(append(head, sum[:]...)); err != nil {
		return nil, err
	}
	out, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	if err != nil {
		return nil, err
	}
	total := sha256.New()
	_, _ = total.Write(sum[:]) // never fails
	return &Writer{out: out, sum: total}, nil
}

// Write adds the next batch, which needs not be decoded.
func (w *Writer) Write(b *sim.Batch) error {
	w.scratch = binary.AppendUvarint(w.scratch[:0], uint64(len(b.Hash)+len(b.Payload)))
	w.scratch = append(w.scratch, b.Hash[:]...)
	for _, part := range [][]byte{w.scratch, b.Payload} {
		_, _ = w.sum.Write(part) // never fails
		if _, err := w.out.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the snapshot. The writer below stays open.
func (w *Writer) Close() error {
	_, err := w.out.Write(w.sum.Sum([]byte{0}))
	return errors.Join(err, w.out.Close())
}

// Reader reads a snapshot.
type Reader struct {
	in   *zstd.Decoder
	raw  io.Reader
	sum  hash.Hash
	next uint64
}

// NewReader reads the header. The reader is to be closed.
func NewReader(r io.Reader) (*Reader, Header, error) {
	var h Header
	head := make([]byte, len(magic)+6)
	if n, err := io.ReadFull(r, head); err != nil {
		if n < len(magic) || string(head[:len(magic)]) != magic {
			return nil, h, readError(err, ErrFormat)
		}
		return nil, h, readError(err, ErrTruncated)
	}
	if string(head[:len(magic)]) != magic {
		return nil, h, ErrFormat
	}
	if version := binary.BigEndian.Uint16(head[len(magic):]); version > Version {
		return nil, h, fmt.Errorf("%w: its format is %d, this program reads up to %d", ErrNewer, version, Version)
	} else if version == 0 {
		return nil, h, fmt.Errorf("%w: its format is 0", ErrTampered)
	}
	size := binary.BigEndian.Uint32(head[len(magic)+2:])
	if size > maxHeader {
		return nil, h, fmt.Errorf("%w: its header has %d bytes", ErrTampered, size)
	}
	rest := make([]byte, int(size)+sha256.Size)
	if _, err := io.ReadFull(r, rest); err != nil {
		return nil, h, readError(err, ErrTruncated)
	}
	text := rest[:size]
	sum := sha256.Sum256(append(head, text...))
	if !bytes.Equal(sum[:], rest[size:]) {
		return nil, h, fmt.Errorf("%w: the header does not have its sum", ErrTampered)
	}
	if err := json.Unmarshal(text, &h); err != nil {
		return nil, h, fmt.Errorf("%w: the header is no JSON", ErrTampered)
	}
	if _, err := hex.DecodeString(h.Hash); err != nil {
		return nil, h, fmt.Errorf("%w: the header has no hash", ErrTampered)
	}
	in, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, h, err
	}
	total := sha256.New()
	_, _ = total.Write(sum[:]) // never fails
	return &Reader{in: in, raw: r, sum: total, next: 1}, h, nil
}

// ReadByte implements [io.ByteReader] for lengths.
func (r *Reader) ReadByte() (byte, error) {
	var b [1]byte
	_, err := io.ReadFull(r.in, b[:])
	return b[0], err
}

// Next returns the next batch, decoded, or [io.EOF] once all of them were read
// and nothing was amiss.
func (r *Reader) Next() (*sim.Batch, error) {
	size, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, r.failed(err)
	}
	if size == 0 {
		return nil, r.end()
	}
	if size <= uint64(len(sim.Digest{})) || size > maxBatch {
		return nil, fmt.Errorf("%w: a batch has %d bytes", ErrTampered, size)
	}
	// What is claimed is not believed before it is there.
	var frame bytes.Buffer
	if n, err := io.CopyN(&frame, r.in, int64(size)); err != nil || n < int64(size) {
		return nil, r.failed(err)
	}
	_, _ = r.sum.Write(binary.AppendUvarint(nil, size)) // never fails
	_, _ = r.sum.Write(frame.Bytes())
	b := &sim.Batch{First: r.next}
	b.Payload = frame.Bytes()[copy(b.Hash[:], frame.Bytes()):]
	if err := b.Decode(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTampered, err)
	}
	r.next = b.Last + 1
	return b, nil
}

// end checks what stands behind the last batch.
func (r *Reader) end() error {
	sum := make([]byte, sha256.Size)
	if _, err := io.ReadFull(r.in, sum); err != nil {
		return r.failed(err)
	}
	if want := r.sum.Sum(nil); !bytes.Equal(sum, want) {
		return fmt.Errorf("%w: the batches do not have their sum", ErrTampered)
	}
	if n, err := r.in.Read(make([]byte, 1)); n > 0 {
		return fmt.Errorf("%w: something follows its end", ErrTampered)
	} else if !errors.Is(err, io.EOF) {
		return r.failed(err)
	}
	return io.EOF
}

// failed words an error of reading.
func (r *Reader) failed(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrTruncated
	}
	return fmt.Errorf("%w: %w", ErrTampered, err)
}

// Close releases the memory of the reader. The reader below stays open.
func (r *Reader) Close() { r.in.Close() }

// readError words an error of reading the header.
func readError(err, otherwise error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return otherwise
	}
	return err
}
