package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
	"time"
)

// Face is one of the two faces of a custodian.
type Face int

// The faces.
const (
	FaceHTTP Face = iota
	FaceGRPC
)

// FaceFaults are the active fault rules that the faces and webhooks see to. It
// is immutable and safe for concurrent use.
type FaceFaults struct {
	rules []*FaultRule
	clock ClockSetting
}

// FaceFaults returns the active rules for the faces, nil where there are none.
func (s *State) FaceFaults() *FaceFaults { return s.faults.faces }

// rememberFaces makes the faces' rules anew, after a change of rules or clock.
func (s *State) rememberFaces() {
	s.faults.faces = nil
	rules := slices.DeleteFunc(slices.Clone(s.faults.rules), func(r *FaultRule) bool { return !r.Effect.onFaces() })
	if len(rules) > 0 {
		s.faults.faces = &FaceFaults{rules: rules, clock: s.clock}
	}
}

// FaceFault is what is to go wrong with one call. Its zero value is nothing.
type FaceFault struct {
	// Latency is how long, in real time, the call is held up before anything else.
	Latency time.Duration
	// Err is what the call is answered with in place of being carried out, or nil.
	Err *Error
	// HTTPStatus and GRPCCode are how the face of that name answers with Err;
	// zero and empty where it answers as always with Err's code.
	HTTPStatus int
	GRPCCode   string
}

// OnCall decides what goes wrong with a call at a real time. Chances are drawn
// from the generator, one for each rule that has a rate below one.
func (f *FaceFaults) OnCall(face Face, real time.Time, g *Generator) FaceFault {
	var out FaceFault
	if f == nil {
		return out
	}
	now := f.clock.At(real)
	for _, r := range f.rules {
		if !r.lasts(now) {
			continue
		}
		e := &r.Effect
		if latency := time.Duration(e.LatencyMillis) * time.Millisecond; latency > out.Latency {
			if r.Match.Rate == nil || !r.Match.Rate.Less(one) || g.Chance(*r.Match.Rate) {
				out.Latency = latency
			}
		}
		if out.Err != nil {
			continue
		}
		switch {
		case e.Offline != nil:
			out.Err = r.offlineError()
		case face == FaceHTTP && e.HTTPError != nil && (!e.HTTPError.Rate.Less(one) || g.Chance(e.HTTPError.Rate)):
			out.Err, out.HTTPStatus = r.injected(), e.HTTPError.Status
		case face == FaceGRPC && e.GRPCError != nil && (!e.GRPCError.Rate.Less(one) || g.Chance(e.GRPCError.Rate)):
			out.Err, out.GRPCCode = r.injected(), e.GRPCError.Code
		}
	}
	return out
}

// lasts reports whether the rule's time is not over, whose timer may be about to
// take it away.
func (r *FaultRule) lasts(now time.Time) bool { return r.Until.IsZero() || now.Before(r.Until) }

func (r *FaultRule) injected() *Error {
	return &Error{Code: CodeFault, RetryAfter: time.Second,
		Message: "fault rule " + quote(r.ID) + " answers in place of the custodian; the request was not carried out"}
}

// WebhookFault is what is to go wrong with the delivery of an event to an
// endpoint. Its zero value is nothing.
type WebhookFault struct{ Drop, Duplicate, Reorder bool }

// OnWebhook decides what goes wrong with the delivery of an event to an
// endpoint, at a real time. Chance is a digest of the seed, the rule, the event
// and the endpoint: the same delivery meets the same fault whenever and in
// whatever order it is asked about, also after a restart.
func (f *FaceFaults) OnWebhook(real time.Time, seed, sequence uint64, endpoint string) WebhookFault {
	var out WebhookFault
	if f == nil {
		return out
	}
	now := f.clock.At(real)
	for _, r := range f.rules {
		w := r.Effect.Webhook
		if w == nil || !r.lasts(now) || !chance(r.digest(seed, sequence, endpoint), w.Rate) {
			continue
		}
		switch w.Action {
		case WebhookDrop:
			out.Drop = true
		case WebhookDuplicate:
			out.Duplicate = true
		case WebhookReorder:
			out.Reorder = true
		}
	}
	return out
}

// digest returns 64 bits that are as good as random, for one event and endpoint.
func (r *FaultRule) digest(seed, sequence uint64, endpoint string) uint64 {
	text := strings.Join([]string{r.ID, endpoint}, "\x00")
	b := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, seed), sequence)
	sum := sha256.Sum256(append(b, text...))
	return binary.BigEndian.Uint64(sum[:8])
}
