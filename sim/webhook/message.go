package webhook

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view/jsontext"
)

// PingType is the type of the message that [Manager.Ping] sends. No event has
// it.
const PingType = "webhook.ping"

// message is what is sent: to one endpoint, perhaps many times.
type message struct {
	id        string
	sequence  uint64
	eventType string
	body      []byte
}

// messageID returns the webhook-id of an event for an endpoint. It depends on
// nothing else, so it is the same after a restart; the hash makes it another
// one when the books were begun anew and numbers come again.
func messageID(instance, endpoint string, r engine.Recorded) string {
	h := sha256.New()
	for _, part := range []string{instance, endpoint} {
		_, _ = h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		_, _ = h.Write([]byte(part))
	}
	_, _ = h.Write(binary.BigEndian.AppendUint64(nil, r.Event.Sequence))
	_, _ = h.Write(r.Hash[:])
	return "msg_" + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:18])
}

// newMessage renders an event. It turns a panic of render into an error.
func newMessage(instance, endpoint string, r engine.Recorded, render func(engine.Recorded) ([]byte, error)) (m message, err error) {
	m = message{id: messageID(instance, endpoint, r), sequence: r.Event.Sequence, eventType: string(r.Event.Type)}
	var data []byte
	err = guard.Run("rendering the event", func() (err error) {
		data, err = render(r)
		return err
	})
	if _, panicked := errors.AsType[*guard.Panic](err); panicked {
		return m, err
	}
	if err != nil {
		return m, fmt.Errorf("rendering the event: %w", err)
	}
	if !json.Valid(data) {
		return m, errors.New("rendering the event: the result is not JSON")
	}
	m.body = envelope(m.eventType, r.Event.Time, data)
	return m, nil
}

// newPing returns a message that is about nothing.
func newPing(instance, endpoint string, now time.Time) message {
	var id [18]byte
	_, _ = rand.Read(id[:]) // never fails, by its contract
	data := jsontext.AppendString([]byte(`{"instance":`), instance)
	data = jsontext.AppendString(append(data, `,"endpoint_id":`...), endpoint)
	return message{
		id: "msg_" + base64.RawURLEncoding.EncodeToString(id[:]), eventType: PingType,
		body: envelope(PingType, now, append(data, '}')),
	}
}

// envelope returns the payload that Standard Webhooks recommends.
func envelope(eventType string, at time.Time, data []byte) []byte {
	dst := make([]byte, 0, len(data)+len(eventType)+64)
	dst = jsontext.AppendString(append(dst, `{"type":`...), eventType)
	dst = jsontext.AppendTime(append(dst, `,"timestamp":`...), at)
	dst = append(append(dst, `,"data":`...), data...)
	return append(dst, '}')
}
