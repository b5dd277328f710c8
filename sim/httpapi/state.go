package httpapi

import (
	"encoding/hex"
	"net/http"
	"strconv"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view/jsontext"
)

// StateDigest is where the books are.
type StateDigest struct {
	_         struct{} `additionalProperties:"true"`
	Sequence  uint64   `json:"sequence" doc:"The last event that is durable." example:"17"`
	Hash      *string  `json:"hash" doc:"SHA-256 of the journal up to it, in hexadecimal; null before the first."`
	Now       string   `json:"now" format:"date-time" doc:"The instance time."`
	NextEvent *string  `json:"next_event" format:"date-time" doc:"When work is due next; null where nothing is."`
}

func getState(c *call) error {
	if err := c.noQuery(); err != nil {
		return err
	}
	ctx, cancel := c.context()
	defer cancel()
	_, now, next, err := c.Custodian.Clock(ctx)
	if err != nil {
		return err
	}
	sequence := c.Custodian.Durable()
	hash := ""
	if sequence > 0 {
		events, err := c.Custodian.Events(ctx, sequence-1, 1)
		if err != nil {
			return err
		}
		if len(events) > 0 {
			hash = hex.EncodeToString(events[0].Hash[:])
		}
	}
	c.out = strconv.AppendUint(append(c.out, `{"sequence":`...), sequence, 10)
	c.out = jsontext.AppendNullable(append(c.out, `,"hash":`...), hash)
	c.out = jsontext.AppendTime(append(c.out, `,"now":`...), now)
	c.out = append(jsontext.AppendTime(append(c.out, `,"next_event":`...), next), '}')
	return c.send(http.StatusOK)
}
