package grpcapi

import (
	"context"
	"encoding/base64"
	"errors"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/strictjson"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// idempotencyHeader carries a request's idempotency key, replayedHeader tells
// that an answer is a repetition. Both are gRPC metadata.
const (
	idempotencyHeader = "idempotency-key"
	replayedHeader    = "idempotent-replayed"
)

// idempotencyKey returns the key that came with a call, or "".
func idempotencyKey(ctx context.Context) (string, error) {
	keys := metadata.ValueFromIncomingContext(ctx, idempotencyHeader)
	switch len(keys) {
	case 0:
		return "", nil
	case 1:
		if err := sim.CheckIdempotencyKey(keys[0]); err != nil {
			return "", err
		}
		return keys[0], nil
	default:
		return "", sim.Invalid(idempotencyHeader, "is given %d times", len(keys))
	}
}

// input reads the fields of one request and remembers the first that is wrong.
type input struct{ err error }

func (in *input) fail(field, format string, args ...any) {
	if in.err == nil {
		in.err = sim.Invalid(field, format, args...)
	}
}

// require refuses text that is not there.
func (in *input) require(field, text string) {
	if text == "" {
		in.fail(field, "is required")
	}
}

// id reads the canonical text of a UUID.
func (in *input) id(field, text string) uuid.UUID {
	if text == "" {
		in.fail(field, "is required")
		return uuid.UUID{}
	}
	id, err := uuid.Parse(text)
	if err != nil || len(text) != 36 {
		in.fail(field, "is no UUID, which looks like 018f3c5e-7a10-7000-8000-0123456789ab")
		return uuid.UUID{}
	}
	return id
}

// amount reads a decimal, with empty text as 0.
func (in *input) amount(field, text string) money.Amount {
	if text == "" {
		return money.Zero
	}
	a, err := money.Parse(text)
	if err != nil {
		in.fail(field, "%s", err)
	}
	return a
}

// required reads a decimal that must be there.
func (in *input) required(field, text string) money.Amount {
	if text == "" {
		in.fail(field, "is required")
	}
	return in.amount(field, text)
}

// change reads a decimal of an update, where nil is left alone.
func (in *input) change(field string, text *string) *money.Amount {
	if text == nil {
		return nil
	}
	a := in.required(field, *text)
	return &a
}

// metadata reads a JSON object into its normal form, with empty text as none.
func (in *input) metadata(text string) []byte {
	if text == "" {
		return nil
	}
	if len(text) > sim.MaxMetadataBytes {
		in.fail("metadata", "is too large: at most %d bytes of JSON are allowed", sim.MaxMetadataBytes)
		return nil
	}
	object, err := strictjson.CanonicalObject("metadata", []byte(text))
	if err == nil {
		return object
	}
	if refusal, ok := errors.AsType[*strictjson.Error](err); ok && !refusal.Malformed && refusal.Field != "" {
		in.fail(refusal.Field, "%s", refusal.Detail)
	} else {
		in.fail("metadata", "must be a JSON object as text, like {\"desk\":\"x\"}: %s", err)
	}
	return nil
}

// changedMetadata reads the metadata of an update, where nil is left alone.
func (in *input) changedMetadata(text *string) []byte {
	if text == nil {
		return nil
	}
	if *text == "" {
		in.fail("metadata", `must be a JSON object as text; write {} to remove what is there`)
	}
	return in.metadata(*text)
}

// filter reads text that restricts a list, with empty text as no restriction.
func (in *input) filter(field, text string, limit int) string {
	switch {
	case utf8.RuneCountInString(text) > limit:
		in.fail(field, "is too long: at most %d characters are allowed", limit)
	case strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		in.fail(field, "must be printable text")
	}
	return text
}

// choice reads a filter that takes one of some words.
func (in *input) choice(field, text string, allowed []string) string {
	if text == "" {
		return ""
	}
	for _, a := range allowed {
		if a == text {
			return text
		}
	}
	in.fail(field, "is not known; allowed: %s", strings.Join(allowed, ", "))
	return ""
}

// instant reads a time that restricts a list; nil is the zero time.
func (in *input) instant(field string, t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	if err := t.CheckValid(); err != nil {
		in.fail(field, "is no time between the years 1 and 9999")
	}
	return t.AsTime()
}

// sequence reads a sequence number. Stores count with signed numbers.
func (in *input) sequence(field string, n uint64) uint64 {
	if n > math.MaxInt64 {
		in.fail(field, "is beyond the largest sequence number, %d", uint64(math.MaxInt64))
	}
	return n
}

// pageSize reads how many records a page may have.
func (in *input) pageSize(size int32, limit int) int {
	switch {
	case size == 0:
		return min(defaultPage, limit)
	case size < 0 || int(size) > limit:
		in.fail("page_size", "must be between 1 and %d, or 0 for the default", limit)
	}
	return int(size)
}

// maxToken is the length of the longest token: that of an account's name of
// which every character takes four bytes.
var maxToken = base64.RawURLEncoding.EncodedLen(4 * sim.MaxIdentifier)

func pageToken(cursor string) string { return base64.RawURLEncoding.EncodeToString([]byte(cursor)) }

// cursor reads a page token.
func (in *input) cursor(token string) string {
	if token == "" {
		return ""
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(token) > maxToken || !utf8.Valid(text) || strings.ContainsFunc(string(text), func(r rune) bool { return !unicode.IsPrint(r) }) {
		in.fail("page_token", "is none that a list has returned")
		return ""
	}
	return string(text)
}
