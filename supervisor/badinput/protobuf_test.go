package badinput

import (
	"errors"
	"math"
	"strings"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// raw is a message as it is on the wire.
type raw struct{ data []byte }

// rawCodec sends and receives messages as they are.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(*raw)
	if !ok {
		return nil, errors.New("not a raw message")
	}
	return mem.BufferSlice{mem.SliceBuffer(m.data)}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(*raw)
	if !ok {
		return errors.New("not a raw message")
	}
	m.data = data.Materialize()
	return nil
}

// message makes a message of a type on the wire.
func (m *maker) wire(of protoreflect.MessageDescriptor) []byte {
	d := m.dice
	if m.mode == broken {
		switch d.IntN(12) {
		case 0:
			return d.bytes(200)
		case 1: // nested without an end
			return []byte(strings.Repeat("\x0a\x7f", 5000))
		}
	}
	out := m.fields(of, 0)
	if m.mode == broken && d.in(8) && len(out) > 0 {
		return out[:d.IntN(len(out))]
	}
	return out
}

func (m *maker) fields(of protoreflect.MessageDescriptor, depth int) (out []byte) {
	d := m.dice
	often := 1 + d.IntN(4)
	for i := range of.Fields().Len() {
		f := of.Fields().Get(i)
		needed := m.mode == valid && strings.HasSuffix(string(f.Name()), "_id") && depth == 0
		if !needed && !d.in(often) || depth > deepest {
			continue
		}
		n := 1
		if f.IsList() {
			n = d.IntN(3)
			if m.mode != valid && d.in(100) {
				n = 1100
			}
		}
		var one []byte
		for range n {
			if n < 100 || one == nil {
				one = m.field(f, depth)
			}
			out = append(out, one...)
		}
	}
	if m.mode == broken && d.in(6) { // a field that nobody knows
		out = protowire.AppendTag(out, protowire.Number(1000+d.IntN(1000)), protowire.BytesType)
		out = protowire.AppendBytes(out, d.bytes(20))
	}
	return out
}

// field makes one field, now and then of a type that it does not have.
func (m *maker) field(f protoreflect.FieldDescriptor, depth int) []byte {
	d := m.dice
	number := f.Number()
	if m.mode == broken && d.in(20) {
		switch d.IntN(4) {
		case 0:
			return protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), d.Uint64())
		case 1:
			return protowire.AppendFixed64(protowire.AppendTag(nil, number, protowire.Fixed64Type), d.Uint64())
		case 2:
			return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), d.bytes(50))
		default:
			return protowire.AppendTag(nil, number, protowire.StartGroupType)
		}
	}
	switch f.Kind() {
	case protoreflect.StringKind:
		return protowire.AppendString(protowire.AppendTag(nil, number, protowire.BytesType), m.protoText(string(f.Name())))
	case protoreflect.BytesKind:
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), d.bytes(100))
	case protoreflect.MessageKind, protoreflect.GroupKind:
		if m.mode != valid && d.in(40) && depth == 0 {
			return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), nested(number, 200))
		}
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), m.fields(f.Message(), depth+1))
	case protoreflect.DoubleKind:
		return protowire.AppendFixed64(protowire.AppendTag(nil, number, protowire.Fixed64Type), math.Float64bits(pick(d, []float64{0, 0.5, 1, -1, math.NaN(), math.Inf(1), 1e300})))
	case protoreflect.FloatKind, protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind:
		return protowire.AppendFixed32(protowire.AppendTag(nil, number, protowire.Fixed32Type), d.Uint32())
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		return protowire.AppendFixed64(protowire.AppendTag(nil, number, protowire.Fixed64Type), d.Uint64())
	default:
		return protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), m.varint(string(f.Name())))
	}
}

// varint makes the value of a whole number, a boolean or an enumeration.
func (m *maker) varint(name string) uint64 {
	d := m.dice
	if m.mode != valid && d.in(3) {
		return pick(d, []uint64{0, math.MaxInt32, math.MaxInt32 + 1, math.MaxInt64, math.MaxUint64, uint64(math.MaxUint64 - 4), 1 << 32})
	}
	if name == "latency_ms" {
		return 1
	}
	return uint64(d.IntN(20))
}

// nested nests a field in itself.
func nested(number protowire.Number, depth int) (out []byte) {
	for range depth {
		out = protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), out)
	}
	return out
}

func (m *maker) protoText(name string) string {
	d := m.dice
	if m.mode == broken && d.in(12) {
		return pick(d, []string{"\xff", "a\xc3", "\xed\xa0\x80", "\xf8\x88\x80\x80\x80"}) // no UTF-8
	}
	if m.mode != valid && d.in(5) {
		return m.extreme(0)
	}
	if name == "page_token" {
		return m.pool.any(d, "cursor")
	}
	if name == "body" || name == "message" || name == "xml" || name == "document" {
		return m.message()
	}
	return m.sensible(name)
}
