package httpapi

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/strictjson"
)

var bulkFields = strictjson.FieldsOf(BulkInstructions{})

// createSettlements records many instructions in their order, each on its own:
// the answer says of each what became of it.
func createSettlements(c *call) error {
	instructions, failures, err := c.readInstructions()
	if err != nil {
		return err
	}
	requests, err := c.bulkRequests(instructions, failures)
	if err != nil {
		return err
	}
	c.endTurn() // the custodian is waited for
	answers := c.Custodian.DoAll(c.r.Context(), requests)
	if err := unserved(answers); err != nil && len(answers) == len(instructions) {
		return err
	}
	if len(answers) > heavyRecords {
		if err := c.takeTurn(); err != nil {
			return err
		}
	}
	replayed := 0
	c.out = append(c.out, `{"results":[`...)
	for i := range instructions {
		if i > 0 {
			c.out = append(c.out, ',')
		}
		if failures[i] != nil {
			c.appendFailure(failures[i])
			continue
		}
		answer := answers[0]
		answers = answers[1:]
		if answer.Err != nil {
			c.appendFailure(answer.Err)
			continue
		}
		if answer.Result.Replayed {
			replayed++
		}
		c.out = strconv.AppendBool(append(c.out, `{"status":201,"replayed":`...), answer.Result.Replayed)
		c.out = append(c.encoder.Settlement(append(c.out, `,"settlement":`...), answer.Result.Settlement), '}')
	}
	if replayed == len(instructions) {
		c.w.Header()[headerReplayed] = headerTrue
	}
	c.out = append(c.out, `]}`...)
	return c.send(http.StatusOK)
}

// readInstructions reads the body. Instructions that cannot be read have their
// failure at the same place.
func (c *call) readInstructions() (instructions []sim.Instruct, failures []error, err error) {
	_, err = c.object(bulkFields, func(name string, v strictjson.Value) error {
		return v.Array(func(i int, element []byte) error {
			if i == c.Limits.BulkMax {
				return &sim.Error{Code: sim.CodeTooLarge, Field: name,
					Message: fmt.Sprintf("must have at most %d instructions", c.Limits.BulkMax)}
			}
			instruction, err := readInstruction(element)
			instructions, failures = append(instructions, instruction), append(failures, err)
			return nil
		})
	})
	if err == nil && len(instructions) == 0 {
		err = sim.Invalid("settlements", "must have at least one instruction")
	}
	return instructions, failures, err
}

// bulkRequests returns the requests of the instructions that could be read. The
// request's key is extended by each one's place, so that the same request finds
// the same keys again.
func (c *call) bulkRequests(instructions []sim.Instruct, failures []error) ([]sim.Request, error) {
	key, err := c.key()
	if err != nil {
		return nil, err
	}
	requests := make([]sim.Request, 0, len(instructions))
	for i := range instructions {
		if failures[i] != nil {
			continue
		}
		request := sim.Request{Command: instructions[i]}
		if key != "" {
			request.IdempotencyKey = key + "#" + strconv.Itoa(i)
			if err := sim.CheckIdempotencyKey(request.IdempotencyKey); err != nil {
				return nil, err
			}
		}
		requests = append(requests, request)
	}
	return requests, nil
}

// unserved returns the common error if the custodian took none of the requests
// for a reason that has nothing to do with them.
func unserved(answers []engine.Answer) error {
	for _, answer := range answers {
		switch sim.CodeOf(answer.Err) {
		case sim.CodeOverloaded, sim.CodePaused, sim.CodeOffline, sim.CodeUnavailable, sim.CodeDraining:
		default:
			return nil
		}
	}
	if len(answers) == 0 {
		return nil
	}
	return answers[0].Err
}

func (c *call) appendFailure(err error) {
	p := problem.Of(err)
	if p.Status == http.StatusInternalServerError {
		c.Logger.ErrorContext(c.r.Context(), "bulk instruction failed", "error", err)
	}
	c.out = strconv.AppendInt(append(c.out, `{"status":`...), int64(p.Status), 10)
	c.out = append(p.Append(append(c.out, `,"error":`...)), '}')
}
