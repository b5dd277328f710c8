package linearizable

import (
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// History records what clients did. It is safe for concurrent use.
type History struct {
	opening int64
	began   time.Time

	mu         sync.Mutex
	operations []porcupine.Operation
	clients    int
	notes      []porcupine.Annotation
}

// NewHistory returns a history of holdings that each account begins with.
func NewHistory(opening int64) *History { return &History{opening: opening, began: time.Now()} }

func (h *History) now() int64 { return time.Since(h.began).Nanoseconds() }

// Client returns the number of a new client. A client does one operation after
// the other; one that leaves an operation without an answer does no more.
func (h *History) Client() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clients++
	return h.clients - 1
}

// Begin notes that a client asks for something. What it returns notes the answer.
func (h *History) Begin(client int, in Input) (answered func(Output)) {
	call := h.now()
	return func(out Output) {
		answer := h.now()
		h.mu.Lock()
		defer h.mu.Unlock()
		h.operations = append(h.operations, porcupine.Operation{ClientId: client, Input: in, Call: call, Output: out, Return: answer})
	}
}

// Note notes something for the picture, such as a fault.
func (h *History) Note(text string) {
	at := h.now()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notes = append(h.notes, porcupine.Annotation{Tag: "faults", Start: at, Description: text})
}

// Len returns the number of operations, and of those without an answer.
func (h *History) Len() (all, unknown int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, o := range h.operations {
		if out, _ := o.Output.(Output); out.Unknown {
			unknown++
		}
	}
	return len(h.operations), unknown
}

// Violation reports a history that no custodian that does one thing after the
// other could have shown.
type Violation struct {
	// Picture is the file that shows it.
	Picture string
}

// Error says where the picture is.
func (v *Violation) Error() string {
	return "the history is not linearizable; see it in a browser: " + v.Picture
}

// Check looks for an order of the operations for up to a time. Its error is a
// [*Violation] where there is none, with a picture in dir.
func (h *History) Check(dir, name string, patience time.Duration) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	end := h.now()
	history := make([]porcupine.Operation, len(h.operations))
	for i, o := range h.operations {
		if out, _ := o.Output.(Output); out.Unknown {
			o.Return = end // it may be done at any time until then, and what is done last has no effect that anyone sees
		}
		history[i] = o
	}
	m := model(h.opening)
	result, info := porcupine.CheckOperationsVerbose(m, history, patience)
	switch result {
	case porcupine.Ok:
		return nil
	case porcupine.Unknown:
		return fmt.Errorf("whether %d operations are linearizable was not found out in %s; record shorter histories", len(history), patience)
	}
	info.AddAnnotations(h.notes)
	path := filepath.Join(dir, name+".html")
	if err := porcupine.VisualizePath(m, info, path); err != nil {
		return fmt.Errorf("the history is not linearizable, and drawing it failed: %w", err)
	}
	return &Violation{Picture: path}
}
