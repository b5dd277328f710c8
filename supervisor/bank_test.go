package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

const (
	bankAccounts = 8
	bankOpening  = 1000 // of each asset in each account
	bankTellers  = 4
	bankMoves    = 40          // of each teller
	bankClient   = "account-0" // whose accounts they all are
)

// bankAssets are what is moved: cash and securities.
var bankAssets = []string{"USD", "BTC", "AAPL"}

// bank is an instance in which nothing leaves the house: whatever is moved, the
// sums over all accounts stay.
type bank struct {
	*harness
	name  string
	seed  uint64
	faces []face
	moves atomic.Int64 // asked for
	reads atomic.Int64
	keys  atomic.Int64
}

func bankEntry() string {
	var accounts, positions, balances []string
	for n := range bankAccounts {
		kind := "SEGREGATED"
		if n == 0 {
			kind = "MASTER"
		}
		account := crowdAccount(n)
		accounts = append(accounts, fmt.Sprintf(`{"account_id":%q,"client_id":%q,"type":%q}`, account, bankClient, kind))
		balances = append(balances, fmt.Sprintf(`{"account_id":%q,"currency":"USD","available_balance":"%d"}`, account, bankOpening))
		for _, asset := range bankAssets[1:] {
			positions = append(positions, fmt.Sprintf(`{"account_id":%q,"symbol":%q,"quantity":"%d","currency":"USD"}`, account, asset, bankOpening))
		}
	}
	return fmt.Sprintf(`"opening":{"accounts":[%s],"positions":[%s],"balances":[%s]}`, strings.Join(accounts, ","), strings.Join(positions, ","), strings.Join(balances, ","))
}

// move moves something from one account to another: alone, or an asset for cash.
// It may lack holdings; then nothing moves.
func (b *bank) move(f face, dice *rand.Rand) error {
	from := dice.IntN(bankAccounts)
	to := (from + 1 + dice.IntN(bankAccounts-1)) % bankAccounts
	asset := bankAssets[dice.IntN(len(bankAssets))]
	bodies := []string{fmt.Sprintf(`{"settlement_type":"TRANSFER","source_account":%q,"destination_account":%q,"symbol":%q,"quantity":"%d"}`,
		crowdAccount(from), crowdAccount(to), asset, 1+dice.IntN(400))}
	if asset != "USD" && dice.IntN(2) == 0 {
		quantity, amount := 1+dice.IntN(300), 1+dice.IntN(600)
		side := func(kind string, own, other int) string {
			return fmt.Sprintf(`{"settlement_type":%q,"account_id":%q,"counterparty_account":%q,"symbol":%q,"quantity":"%d","payment":{"currency":"USD","amount":"%d.00"}}`,
				kind, crowdAccount(own), crowdAccount(other), asset, quantity, amount)
		}
		bodies = []string{side("DVP", from, to), side("RVP", to, from)}
	}
	for _, body := range bodies {
		b.moves.Add(1)
		status, text, err := insist(b.ctx, f, http.MethodPost, "/api/v1/settlements", fmt.Sprintf("k-%d", b.keys.Add(1)), body)
		if err != nil || status != http.StatusCreated {
			return fmt.Errorf("%s is answered %d %s, %w", body, status, text, err)
		}
	}
	return nil
}

// audit reads the sums in one of the ways in which they can be read at one
// instant, and checks them.
func (b *bank) audit(f face, dice *rand.Rand) error {
	asset := bankAssets[dice.IntN(len(bankAssets))]
	paths := []string{"/api/v1/positions?symbol=" + asset, "/api/v1/accounts/" + bankClient + "/master-balance"}
	if asset == "USD" {
		paths[0] = "/api/v1/balances?currency=" + asset
	}
	path := paths[dice.IntN(len(paths))]
	status, text, err := insist(b.ctx, f, http.MethodGet, path, "", "")
	if err != nil || status != http.StatusOK {
		return fmt.Errorf("%s is answered %d %s, %w", path, status, text, err)
	}
	b.reads.Add(1)
	var sum int64
	var master struct {
		Total []struct{ Symbol, Total string }
	}
	records, err := page(text)
	err = errors.Join(err, json.Unmarshal(text, &master))
	for _, r := range records {
		available, locked, failed := r.amounts()
		err = errors.Join(err, failed)
		sum += available + locked
	}
	for _, t := range master.Total {
		if t.Symbol == asset {
			total, failed := whole(t.Total)
			err = errors.Join(err, failed)
			sum += total
		}
	}
	if err != nil || sum != bankAccounts*bankOpening {
		return fmt.Errorf("%s shows %d %s, want %d: %s, %w", path, sum, asset, bankAccounts*bankOpening, text, err)
	}
	return nil
}

// posting is an entry as the ledger shows it.
type posting struct {
	Sequence      uint64
	Symbol        string
	Amount        string
	Debit, Credit ledgerSide
}

type ledgerSide struct {
	AccountID string `json:"account_id"`
	Bucket    string
}

// replay adds up the ledger from its beginning, event by event: after each one the
// sums over all accounts are what they were. At the end the lists show the same.
func (b *bank) replay(f face) error {
	parts, sums := map[string]int64{}, map[string]int64{}
	opened := false
	var last uint64
	check := func() error {
		whole := 0
		for _, asset := range bankAssets {
			if sums[asset] == bankAccounts*bankOpening {
				whole++
			}
		}
		opened = opened || whole == len(bankAssets)
		if opened && whole < len(bankAssets) {
			return fmt.Errorf("after event %d there are %v, want %d of each", last, sums, bankAccounts*bankOpening)
		}
		return nil
	}
	events := 0
	for cursor := ""; ; {
		status, text, err := insist(b.ctx, f, http.MethodGet, "/api/v1/ledger/entries?limit=500"+cursor, "", "")
		if err != nil || status != http.StatusOK {
			return fmt.Errorf("the ledger: %d %s, %w", status, text, err)
		}
		var list struct {
			Entries    []posting
			NextCursor string `json:"next_cursor"`
		}
		if err := json.Unmarshal(text, &list); err != nil {
			return err
		}
		for _, p := range list.Entries {
			if p.Sequence != last {
				if err := check(); err != nil {
					return err
				}
				last = p.Sequence
				events++
			}
			amount, err := whole(p.Amount)
			if err != nil {
				return err
			}
			for _, side := range []struct {
				of ledgerSide
				by int64
			}{{p.Debit, -amount}, {p.Credit, amount}} {
				if side.of.Bucket != "MIRROR" {
					parts[p.Symbol+" "+side.of.AccountID+" "+side.of.Bucket] += side.by
					sums[p.Symbol] += side.by
				}
			}
		}
		if list.NextCursor == "" {
			break
		}
		cursor = "&cursor=" + url.QueryEscape(list.NextCursor)
	}
	if err := check(); err != nil || !opened || events < bankTellers {
		return fmt.Errorf("%d events with postings, opened %t: %w", events, opened, err)
	}
	return b.compare(f, parts)
}

// compare holds what the ledger adds up to against the lists.
func (b *bank) compare(f face, parts map[string]int64) error {
	for _, path := range []string{"/api/v1/positions", "/api/v1/balances"} {
		status, text, err := insist(b.ctx, f, http.MethodGet, path+"?limit=1000", "", "")
		records, failed := page(text)
		if err = errors.Join(err, failed); err != nil || status != http.StatusOK {
			return fmt.Errorf("%s: %d %s, %w", path, status, text, err)
		}
		for _, r := range records {
			available, locked, err := r.amounts()
			key := r.asset() + " " + r.AccountID + " "
			if posted := parts[key+"LOCKED"] + parts[key+"RESERVED"]; err != nil || available != parts[key+"AVAILABLE"] || locked != posted {
				return fmt.Errorf("%s has %d available and %d locked, the ledger %d and %d, %w", key, available, locked, parts[key+"AVAILABLE"], posted, err)
			}
		}
	}
	return nil
}

// openBank adds a bank to a supervisor.
func openBank(h *harness, name string, seed uint64) *bank {
	h.t.Helper()
	return &bank{harness: h, name: name, seed: seed, faces: faces(h.t, h.add(name, bankEntry()))}
}

// work moves holdings about, with all going wrong that can, while auditors read.
// More are further auditors.
func (b *bank) work(m *mishaps, cut func() error, more ...func(ctx context.Context) error) {
	b.t.Helper()
	working, stop := context.WithCancel(b.ctx)
	defer stop()
	var tellers, others sync.WaitGroup
	for n := range bankTellers {
		tellers.Go(func() {
			dice := rand.New(rand.NewPCG(b.seed, uint64(n)))
			for range bankMoves {
				if err := b.move(b.faces[dice.IntN(len(b.faces))], dice); err != nil {
					b.t.Error(err)
					return
				}
			}
		})
	}
	auditors := append([]func(context.Context) error{b.auditor(1), b.auditor(2)}, more...)
	for _, audit := range auditors {
		others.Go(func() {
			for working.Err() == nil {
				if err := audit(working); err != nil && working.Err() == nil {
					b.t.Error(err)
					return
				}
			}
		})
	}
	others.Go(func() {
		b.disturb(working, b.name, rand.New(rand.NewPCG(b.seed, 3)), m, cut, func(string) {})
	})
	tellers.Wait()
	stop()
	others.Wait()
	if err := b.replay(b.faces[0]); err != nil {
		b.t.Error(err)
	}
	b.t.Logf("seed %d: %d movements, %d sums over HTTP and gRPC", b.seed, b.moves.Load(), b.reads.Load())
}

func (b *bank) auditor(n uint64) func(context.Context) error {
	dice := rand.New(rand.NewPCG(b.seed, 100+n))
	return func(context.Context) error { return b.audit(b.faces[dice.IntN(len(b.faces))], dice) }
}

func TestSumsStayWhateverIsMoved(t *testing.T) {
	t.Parallel()
	for round := range *linearizableRounds {
		c := testConfig(t)
		c.Storage.Driver = config.StorageSQLite
		m := &mishaps{pace: slowPace}
		h := launch(t, options{config: c, wrap: m.wrap})
		openBank(h, "bank", *linearizableSeed+uint64(round)).work(m, nil)
		h.end()
	}
}
