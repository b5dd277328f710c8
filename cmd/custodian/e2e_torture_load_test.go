//go:build integration

package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// victim is an instance, what it was asked so far, and what it has shown.
type victim struct {
	s      *supervised
	name   string
	manual bool   // whether its clock is manual
	vault  string // the position whose quantity is locked
	sink   *sink  // nil where its events are not posted
	stream *streamReader

	round   int
	stop    context.CancelFunc
	workers sync.WaitGroup
	mu      sync.Mutex
	asked   []*asked
	trades  int
	unclean []string
	// ending is whether the instance is told to end in this round: then it may
	// refuse requests.
	ending bool
	// shown are the hashes of events that readers saw in this round, by sequence.
	shown map[uint64]string
	last  event // the last event that was checked
}

// newVictim makes a victim of an instance. Its events are posted to the sink.
func newVictim(s *supervised, name string, manual bool, sink *sink) *victim {
	v := &victim{s: s, name: name, manual: manual, sink: sink}
	var position struct {
		ID string `json:"position_id"`
	}
	i := v.instance()
	s.call(http.MethodPost, i.url("/api/v1/positions"),
		map[string]any{"account_id": vaultAccount, "symbol": "BTC", "quantity": endowment}, http.StatusCreated, &position)
	v.vault = position.ID
	v.stream = newStreamReader(s.t, i)
	return v
}

func (v *victim) instance() instance { return v.s.instance(v.name) }

// load begins to send requests of all kinds from several connections, until the
// process is gone.
func (v *victim) load(round int, seed uint64) {
	ctx, cancel := context.WithCancel(context.Background())
	v.round, v.stop, v.shown, v.trades = round, cancel, make(map[uint64]string), 0
	v.s.t.Cleanup(func() { cancel(); v.workers.Wait() })
	i := v.instance()
	v.endow(i)
	conn, err := grpc.NewClient("passthrough:///"+i.GRPCAddr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		v.s.t.Fatal(err)
	}
	v.s.t.Cleanup(func() { _ = conn.Close() }) // closed once the load has ended
	const writers = 4
	for w := range writers {
		a := &asker{victim: v, random: rand.New(rand.NewPCG(seed, uint64(w))), prefix: fmt.Sprintf("%d-%d", round, w)}
		v.workers.Go(func() {
			for ctx.Err() == nil {
				r := a.ask()
				if !v.send(i, conn, r) {
					return
				}
				if r.acked {
					a.acknowledged(r)
				}
			}
		})
	}
	if v.manual {
		a := &asker{victim: v, random: rand.New(rand.NewPCG(seed, writers)), prefix: fmt.Sprint(round)}
		v.workers.Go(func() {
			for ctx.Err() == nil && v.send(i, conn, a.advance()) {
			}
		})
	}
	after := v.last.Sequence
	v.workers.Go(func() {
		for ctx.Err() == nil {
			events, err := v.events(i, after)
			if err != nil {
				return
			}
			v.mu.Lock()
			for _, e := range events {
				v.shown[e.Sequence], after = e.Hash, e.Sequence
			}
			v.mu.Unlock()
		}
	})
	go func() { v.workers.Wait(); _ = conn.Close() }() // whatever it says, nothing is under way
}

// endow gives the round's payer and the sides of its trades what they need.
func (v *victim) endow(i instance) {
	v.s.t.Helper()
	for _, side := range []string{payer(v.round), buyer(v.round)} {
		v.s.call(http.MethodPost, i.url("/api/v1/balances"),
			map[string]any{"account_id": side, "currency": "USD", "available_balance": endowment}, http.StatusCreated, nil)
	}
	v.s.call(http.MethodPost, i.url("/api/v1/positions"),
		map[string]any{"account_id": seller(v.round), "symbol": "AAPL", "quantity": endowment}, http.StatusCreated, nil)
}

// send sends a request and keeps it. It returns false where there was no answer.
func (v *victim) send(i instance, conn *grpc.ClientConn, a *asked) bool {
	var code int
	var body []byte
	var err error
	if a.method != "" {
		code, body, err = call(conn, a)
	} else {
		code, body, err = v.s.tryKey(http.MethodPost, i.url(a.path), a.content(), a.key)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.asked = append(v.asked, a)
	if err != nil || v.ending && code == http.StatusServiceUnavailable {
		return false
	}
	v.acknowledge(a, code, body)
	return true
}

// content is the body of a request, nil for none.
func (a *asked) content() any {
	if a.body == nil {
		return nil
	}
	return a.body
}

// call sends a request over gRPC. The answer is shown as that of HTTP would be.
func call(conn *grpc.ClientConn, a *asked) (code int, body []byte, err error) {
	text, err := json.Marshal(a.body)
	if err != nil {
		return 0, nil, err
	}
	request := proto.Clone(a.request)
	if err := protojson.Unmarshal(text, request); err != nil {
		return 0, nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if a.key != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "idempotency-key", a.key)
	}
	answer := proto.Clone(a.answer)
	err = conn.Invoke(ctx, a.method, request, answer)
	switch grpcstatus.Code(err) {
	case codes.OK:
		body, err = protojson.MarshalOptions{UseProtoNames: true}.Marshal(answer)
		return http.StatusCreated, body, err
	case codes.Unavailable, codes.Canceled, codes.DeadlineExceeded:
		return 0, nil, err
	default:
		return http.StatusInternalServerError, fmt.Appendf(nil, "%s: %v", a.method, err), nil
	}
}

// acknowledge notes what an answer says. When it is not the first one, it has to
// name the records that the first one named.
func (v *victim) acknowledge(a *asked, code int, body []byte) {
	type record struct {
		SettlementID string `json:"settlement_id"`
		TransferID   string `json:"transfer_id"`
		ExternalID   string `json:"external_id"`
	}
	var answer struct {
		record
		Code    string
		Results []struct {
			Settlement record
		}
	}
	err := json.Unmarshal(body, &answer)
	if err == nil && a.on != "" && code == http.StatusConflict && answer.Code == "wrong_state" {
		a.refused = true // the clock has taken it on meanwhile
		return
	}
	if err != nil || code != http.StatusOK && code != http.StatusCreated {
		v.unclean = append(v.unclean, fmt.Sprintf("%s %v: %d %s (%v)", a.path, a.body, code, body, err))
		return
	}
	records := []record{answer.record}
	for _, r := range answer.Results {
		records = append(records, r.Settlement)
	}
	named := 0
	for _, r := range records {
		m, wanted := a.moves[r.ExternalID]
		if !wanted {
			continue
		}
		named++
		id := r.SettlementID + r.TransferID
		if m.id != "" && m.id != id {
			v.unclean = append(v.unclean, fmt.Sprintf("%s of %s was %s, and is %s when asked again", a.path, r.ExternalID, m.id, id))
		}
		m.id = id
		a.moves[r.ExternalID] = m
	}
	if named != len(a.moves) {
		v.unclean = append(v.unclean, fmt.Sprintf("%s %v: %d of %d records in %s", a.path, a.body, named, len(a.moves), body))
	}
	a.acked = true
}

// end waits for the load to end and counts the round's requests.
func (v *victim) end() (acked, unknown int) {
	v.stop()
	v.workers.Wait()
	for _, a := range v.ofRound(v.round) {
		switch {
		case a.acked:
			acked++
		case !a.refused:
			unknown++
		}
	}
	return acked, unknown
}

func (v *victim) ofRound(round int) (of []*asked) {
	for _, a := range v.asked {
		if a.round == round {
			of = append(of, a)
		}
	}
	return of
}
