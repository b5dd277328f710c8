package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/linearizable"
)

var (
	linearizableRounds = flag.Int("linearizable.rounds", 1, "how many histories to record in each store")
	linearizableSeed   = flag.Uint64("linearizable.seed", 1, "seed of the first history")
)

const (
	crowdClients    = 6
	crowdOperations = 80                    // of each client
	crowdOpening    = 20                    // of each asset in each account
	crowdUnknown    = 6                     // operations at most whose outcome nobody asks after
	slowPace        = 50 * time.Millisecond // for stores that are written to disk
	crowdBound      = 2 * time.Minute
)

// crowdAssets are the assets, cash and not.
var crowdAssets = []string{"BTC", "AAPL", "USD", "EUR"}

func isCash(asset string) bool { return asset == "USD" || asset == "EUR" }

func plural(asset string) string {
	if isCash(asset) {
		return "balances"
	}
	return "positions"
}

// crowd are clients that use an instance at once, and record what they see.
type crowd struct {
	*harness
	faces   []face
	history *linearizable.History
	ids     map[string]string // of holdings, by asset and account
	unknown atomic.Int64
	keys    atomic.Int64
}

func crowdAccount(n int) string { return fmt.Sprintf("account-%d", n) }

// crowdEntry is the rest of the entry of an instance for a crowd.
func crowdEntry() string {
	var positions, balances []string
	for n := range linearizable.Accounts {
		for _, asset := range crowdAssets {
			if isCash(asset) {
				balances = append(balances, fmt.Sprintf(`{"account_id":%q,"currency":%q,"available_balance":"%d"}`, crowdAccount(n), asset, crowdOpening))
			} else {
				positions = append(positions, fmt.Sprintf(`{"account_id":%q,"symbol":%q,"quantity":"%d","currency":"USD"}`, crowdAccount(n), asset, crowdOpening))
			}
		}
	}
	return `"opening":{"positions":[` + strings.Join(positions, ",") + `],"balances":[` + strings.Join(balances, ",") + `]}`
}

// newCrowd gathers before an instance that was just added.
func newCrowd(h *harness, s Status) *crowd {
	h.t.Helper()
	c := &crowd{harness: h, faces: faces(h.t, s), history: linearizable.NewHistory(crowdOpening), ids: map[string]string{}}
	for _, list := range []string{"positions", "balances"} {
		status, text, err := c.faces[0].Do(h.ctx, http.MethodGet, "/api/v1/"+list, nil, nil)
		records, failed := page(text)
		if err = errors.Join(err, failed); err != nil || status != http.StatusOK {
			h.t.Fatalf("%s: %d %s, %v", list, status, text, err)
		}
		for _, r := range records {
			c.ids[r.asset()+r.AccountID] = r.PositionID + r.BalanceID
		}
	}
	return c
}

// asset is what the record is of. Positions have a currency as well, which is that
// of their price.
func (r *heldRecord) asset() string {
	if r.Symbol != "" {
		return r.Symbol
	}
	return r.Currency
}

// choose makes up what to do next.
func choose(dice *rand.Rand) linearizable.Input {
	kinds := []linearizable.Kind{
		linearizable.Deposit, linearizable.Withdraw, linearizable.Transfer, linearizable.Transfer, linearizable.Lock, linearizable.Unlock,
		linearizable.Read, linearizable.Read, linearizable.List, linearizable.List,
	}
	in := linearizable.Input{
		Asset: crowdAssets[dice.IntN(len(crowdAssets))], Kind: kinds[dice.IntN(len(kinds))],
		Account: dice.IntN(linearizable.Accounts), Amount: int64(1 + dice.IntN(12)),
	}
	in.Other = (in.Account + 1 + dice.IntN(linearizable.Accounts-1)) % linearizable.Accounts
	return in
}

// request is how an instance is asked for an operation.
func (c *crowd) request(in linearizable.Input) (method, path, body string) {
	holding := "/api/v1/" + plural(in.Asset) + "/" + c.ids[in.Asset+crowdAccount(in.Account)]
	amount, symbol := "quantity", "symbol"
	if isCash(in.Asset) {
		amount, symbol = "amount", "currency"
	}
	switch in.Kind {
	case linearizable.Read:
		return http.MethodGet, holding, ""
	case linearizable.List:
		return http.MethodGet, "/api/v1/" + plural(in.Asset) + "?" + symbol + "=" + in.Asset, ""
	case linearizable.Lock, linearizable.Unlock:
		return http.MethodPost, holding + "/" + string(in.Kind), fmt.Sprintf(`{%q:"%d"}`, amount, in.Amount)
	case linearizable.Transfer:
		return http.MethodPost, "/api/v1/settlements", fmt.Sprintf(`{"settlement_type":"TRANSFER","source_account":%q,"destination_account":%q,"symbol":%q,"quantity":"%d"}`,
			crowdAccount(in.Account), crowdAccount(in.Other), in.Asset, in.Amount)
	}
	kind := "DEPOSIT"
	if in.Kind == linearizable.Withdraw {
		kind = "WITHDRAWAL"
	}
	return http.MethodPost, "/api/v1/settlements", fmt.Sprintf(`{"settlement_type":%q,"account_id":%q,"symbol":%q,"quantity":"%d"}`,
		kind, crowdAccount(in.Account), in.Asset, in.Amount)
}

// read turns an answer into what was learnt by it.
func (c *crowd) read(in linearizable.Input, status int, text []byte) (out linearizable.Output, err error) {
	switch in.Kind {
	case linearizable.Deposit, linearizable.Withdraw, linearizable.Transfer:
		var st struct{ Status, Reason string }
		if err := json.Unmarshal(text, &st); err != nil || status != http.StatusCreated {
			return out, fmt.Errorf("answered %d %s, %w", status, text, err)
		}
		out.Refused = st.Status == "FAILED" && (st.Reason == "LACK" || st.Reason == "MONY")
		if !out.Refused && st.Status != "COMPLETED" {
			return out, fmt.Errorf("it is %s %s", st.Status, st.Reason)
		}
		return out, nil
	}
	if status == http.StatusConflict && in.Kind != linearizable.Read && in.Kind != linearizable.List {
		out.Refused = true
		return out, nil
	}
	if status != http.StatusOK {
		return out, fmt.Errorf("answered %d %s", status, text)
	}
	records := make([]heldRecord, 1)
	if in.Kind == linearizable.List {
		records, err = page(text)
	} else {
		err = json.Unmarshal(text, &records[0])
	}
	if err != nil || in.Kind == linearizable.List && len(records) != linearizable.Accounts {
		return out, fmt.Errorf("it has %d records: %s, %w", len(records), text, err)
	}
	for _, r := range records {
		var n int
		if _, err := fmt.Sscanf(r.AccountID, "account-%d", &n); err != nil || r.asset() != in.Asset {
			return out, fmt.Errorf("it is about %s and %s: %w", r.AccountID, r.asset(), err)
		}
		available, locked, err := r.amounts()
		if err != nil {
			return out, err
		}
		out.Shown[n] = &linearizable.Holding{Available: available, Locked: locked}
	}
	return out, nil
}

// act does one operation and records it. It returns the client that goes on.
func (c *crowd) act(client int, f face, dice *rand.Rand, in linearizable.Input) int {
	method, path, body := c.request(in)
	key := fmt.Sprintf("k-%d", c.keys.Add(1))
	reads := method == http.MethodGet
	if reads || dice.IntN(12) == 0 && c.unknown.Load() < crowdUnknown {
		key = ""
	}
	answered := c.history.Begin(client, in)
	for {
		ctx, cancel := c.ctx, context.CancelFunc(func() {})
		if dice.IntN(15) == 0 { // an impatient one
			ctx, cancel = context.WithTimeout(c.ctx, time.Duration(500+dice.IntN(4000))*time.Microsecond)
		}
		status, text, err := ask(ctx, f, method, path, key, body)
		cancel()
		switch {
		case err == nil:
			out, err := c.read(in, status, text)
			if err != nil {
				c.t.Errorf("%+v: %v", in, err)
			}
			answered(out)
			return client
		case c.ctx.Err() != nil:
			c.t.Errorf("%+v is never answered: %v", in, err)
			answered(linearizable.Output{Unknown: true})
			return client
		case reads: // what was not answered has shown nothing
			answered = c.history.Begin(client, in)
		case key == "":
			c.unknown.Add(1)
			answered(linearizable.Output{Unknown: true})
			return c.history.Client()
		}
		linger(c.ctx, 3*time.Millisecond)
	}
}

// work has all clients work at once, and returns when they have ended.
func (c *crowd) work(seed uint64) {
	var clients sync.WaitGroup
	for n := range crowdClients {
		clients.Go(func() {
			dice := rand.New(rand.NewPCG(seed, uint64(n)))
			client := c.history.Client()
			for range crowdOperations {
				client = c.act(client, c.faces[dice.IntN(len(c.faces))], dice, choose(dice))
			}
		})
	}
	clients.Wait()
	// The end is looked at by one who sees all.
	for _, asset := range crowdAssets {
		for _, f := range c.faces {
			dice := rand.New(rand.NewPCG(seed, crowdClients))
			c.act(c.history.Client(), f, dice, linearizable.Input{Asset: asset, Kind: linearizable.List})
		}
	}
}

// histories records histories of instances that are disturbed in every way, and
// checks each. The instance's name, and what cuts its connections, are for
// instances on servers.
func histories(t *testing.T, cfg config.Config, pace time.Duration, name func(round int) string, cut func(name string) error) {
	for round := range *linearizableRounds {
		seed := *linearizableSeed + uint64(round)
		m := &mishaps{pace: pace}
		h := launch(t, options{config: cfg, wrap: m.wrap})
		c := newCrowd(h, h.add(name(round), crowdEntry()))
		disturbing, stop := context.WithCancel(h.ctx)
		var disturber sync.WaitGroup
		disturber.Go(func() {
			var cutting func() error
			if cut != nil {
				cutting = func() error { return cut(name(round)) }
			}
			h.disturb(disturbing, name(round), rand.New(rand.NewPCG(seed, 1<<32)), m, cutting, c.history.Note)
		})
		began := time.Now()
		c.work(seed)
		took := time.Since(began)
		stop()
		disturber.Wait()
		all, unknown := c.history.Len()
		began = time.Now()
		if err := c.history.Check(t.ArtifactDir(), fmt.Sprintf("seed-%d", seed), crowdBound); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		t.Logf("seed %d: %d operations in %s, %d of them without an answer, checked in %s", seed, all, took.Round(time.Millisecond), unknown, time.Since(began).Round(time.Millisecond))
		h.must(h.Drain(h.ctx, name(round), 0, true))
		if cfg.Storage.Driver != config.StorageMemory {
			c.verify(cfg, name(round))
		}
		h.end()
	}
}

// verify verifies the books of an instance that is drained.
func (c *crowd) verify(cfg config.Config, name string) {
	c.t.Helper()
	c.end()
	list, err := Verify(c.ctx, cfg, []string{name}, discard, nil)
	if err != nil || len(list) != 1 || list[0].Report == nil || !list[0].Report.OK() {
		c.t.Fatalf("verifying: %+v, %v", list, err)
	}
}

func TestHoldingsAreLinearizableInMemory(t *testing.T) {
	t.Parallel()
	histories(t, testConfig(t), 20*time.Millisecond, func(int) string { return "crowded" }, nil)
}

func TestHoldingsAreLinearizableInSQLite(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	c.Storage.Driver = config.StorageSQLite
	histories(t, c, slowPace, func(round int) string { return fmt.Sprintf("crowded-%d", round) }, nil)
}

// The checks must find what they look for.
func TestStaleListsAreFound(t *testing.T) {
	t.Parallel()
	m := &mishaps{}
	h := launch(t, options{config: testConfig(t), wrap: m.wrap})
	c := newCrowd(h, h.add("crowded", crowdEntry()))
	m.stale.Store(true)
	c.work(*linearizableSeed)
	err := c.history.Check(t.ArtifactDir(), "stale", crowdBound)
	if _, found := errors.AsType[*linearizable.Violation](err); !found {
		t.Errorf("Check: %v, and lists were stale", err)
	}
}
