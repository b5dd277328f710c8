package simulation

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/simulation/auditor"
)

// stranger is an id that nothing has.
var stranger = uuid.MustParse("01999999-9999-7999-9999-999999999999")

// player thinks of what callers do next, from what the auditor knows.
type player struct {
	*dice
	world *World
	audit *auditor.Auditor
	// step and asked make marks and ids that are each used once.
	step  int
	asked int
	// past are requests with a key, to be retried.
	past *[]sim.Request
}

func (p *player) view() *auditor.View { return p.audit.View() }

// unique returns a number that no other request of the history has.
func (p *player) unique() uint64 {
	p.asked++
	return uint64(p.step)*100 + uint64(p.asked)
}

// action thinks of the next commands.
type action func(p *player) []sim.Command

func one(f func(p *player) sim.Command) action {
	return func(p *player) []sim.Command { return []sim.Command{f(p)} }
}

var actions = []choice[action]{
	{20, one((*player).instruct)}, {36, (*player).pair}, {6, (*player).linked}, {8, one((*player).broken)},
	{14, one((*player).change)}, {6, one((*player).reverse)}, {24, one((*player).transfer)}, {18, one((*player).approve)},
	{4, one((*player).cancelTransfer)}, {9, one((*player).holding)}, {4, one((*player).openHolding)}, {4, one((*player).account)},
	{3, one((*player).corporate)}, {4, one((*player).fault)}, {4, one((*player).clear)}, {2, one(func(*player) sim.Command { return sim.Reconcile{} })},
	{30, one((*player).advance)},
}

// requests thinks of the requests of one step, mostly one, sometimes many.
func (p *player) requests() []sim.Request {
	if len(*p.past) > 0 && p.in(15) {
		r := (*p.past)[p.IntN(len(*p.past))]
		if p.in(8) { // the key of another request
			r.Command = p.instruct()
		}
		return []sim.Request{r}
	}
	var out []sim.Request
	for range pick(p.dice, 1, 1, 1, 2, 5) {
		for _, c := range weighted(p.dice, actions)(p) {
			r := sim.Request{Command: c}
			if p.in(3) {
				r.IdempotencyKey = fmt.Sprintf("key-%d", p.unique())
				if len(*p.past) == 50 {
					*p.past = (*p.past)[1:]
				}
				*p.past = append(*p.past, r)
			}
			out = append(out, r)
		}
	}
	return out
}

func (p *player) someAccount() string {
	if p.in(25) {
		return pick(p.dice, "nobody", "fund-z", "", "DEPOSITORY", "fund a\n")
	}
	return pickOr(p.dice, p.view().Accounts, pick(p.dice, accounts...))
}

func (p *player) otherThan(account string) string {
	for range 10 {
		if other := pick(p.dice, accounts...); other != account {
			return other
		}
	}
	return "desk"
}

func (p *player) symbol() string {
	switch p.IntN(8) {
	case 0, 1, 2:
		return pick(p.dice, securities...)
	case 3, 4:
		return pick(p.dice, coins...)
	default:
		return pick(p.dice, currencies...)
	}
}

// quantity returns an amount of a symbol: mostly small and whole, sometimes just
// what an account has, or a minor unit more, or less than one.
func (p *player) quantity(account, symbol string) money.Amount {
	unit := decimal(1, p.world.decimalsOf(symbol))
	switch p.IntN(16) {
	case 0:
		return unit
	case 1, 2:
		if h := p.audit.HoldingOf(account, symbol); h != nil && h.Available.Sign() > 0 {
			return pick(p.dice, h.Available, h.Available.Add(unit), h.Total())
		}
	case 3:
		return unit.Add(decimal(int64(p.IntN(3000)), 0))
	case 4:
		return decimal(1+p.Int64N(1_000_000), 0)
	}
	return decimal(1+p.Int64N(400), 0)
}

// external returns an external id: mostly a new one, sometimes one that is used.
func (p *player) external() string {
	switch {
	case p.in(3):
		return ""
	case p.in(20):
		return pickOr(p.dice, p.view().External, "")
	default:
		return fmt.Sprintf("ext-%d", p.unique())
	}
}

func (p *player) party() sim.Party {
	return pick(p.dice, sim.Party{Name: "Street Bank", BIC: "DEUTDEFF"}, sim.Party{Name: "Broker", BIC: "CHASUS33XXX"}, sim.Party{Name: "Somebody"})
}

// valueDate returns a value date, mostly none.
func (p *player) valueDate() string {
	switch p.IntN(12) {
	case 0:
		return p.audit.Time().AddDate(0, 0, p.IntN(6)).Format(time.DateOnly)
	case 1:
		return p.audit.Time().Format(time.DateOnly)
	default:
		return ""
	}
}

func (p *player) partial(c *sim.Instruct) {
	switch p.IntN(6) {
	case 0, 1:
		c.Partial = sim.PartialAllowed
	case 2:
		c.Partial, c.MinQuantity = sim.PartialByQuantity, decimal(1+p.Int64N(20), 0)
	case 3:
		if !c.Payment.IsZero() {
			c.Partial, c.MinQuantity = sim.PartialByCash, decimal(1+p.Int64N(50), 0)
		}
	}
}

func (p *player) links() []sim.Link {
	if !p.in(6) || len(p.view().External) == 0 {
		return nil
	}
	var links []sim.Link
	for range 1 + p.IntN(2) {
		links = append(links, sim.Link{
			Type:       pick(p.dice, sim.LinkWith, sim.LinkAfter, sim.LinkBefore, sim.LinkInfo),
			ExternalID: pickOr(p.dice, p.view().External, "none"),
		})
	}
	if p.in(30) {
		links[0].ExternalID = "never-given"
	}
	return links
}

// instruct thinks of an instruction of any type.
func (p *player) instruct() sim.Command {
	c := sim.Instruct{
		Type: pick(p.dice, sim.Deposit, sim.Deposit, sim.Withdrawal, sim.Internal, sim.DVP, sim.RVP, sim.DFP, sim.RFP), AccountID: p.someAccount(),
		Symbol: p.symbol(), ExternalID: p.external(), Hold: p.in(10), SettlementDate: p.valueDate(), Links: p.links(), Metadata: auditor.Mark(p.unique()),
	}
	c.Quantity = p.quantity(c.AccountID, c.Symbol)
	switch c.Type {
	case sim.Deposit, sim.Withdrawal:
		if p.in(4) {
			c.Rail = pick(p.dice, "wire_domestic", "ach_transfer", "crypto_external", "crypto_internal", "wire_international")
		}
	case sim.Internal:
		c.SourceAccount, c.DestinationAccount = c.AccountID, p.otherThan(c.AccountID)
		if p.in(3) {
			c.SourceAccount, c.DestinationAccount = c.DestinationAccount, c.SourceAccount
		}
	default:
		if !p.in(10) {
			c.Symbol = pick(p.dice, "AAPL", "VOD-GBP", "BOND", "BTC")
		}
		p.against(&c)
		if p.in(2) {
			c.Counterparty = p.party()
		} else {
			c.CounterpartyAccount = p.otherThan(c.AccountID)
		}
	}
	p.partial(&c)
	return c
}

// against gives an instruction its payment, where its type has one.
func (p *player) against(c *sim.Instruct) {
	if c.Type == sim.DVP || c.Type == sim.RVP {
		currency := pick(p.dice, currencies...)
		c.Payment = sim.Cash{Currency: currency, Amount: decimal(1+p.Int64N(3000*100), 2)}
		if p.world.decimalsOf(currency) == 0 {
			c.Payment.Amount = decimal(1+p.Int64N(3000), 0)
		}
	}
}

// pair thinks of two instructions that match, or that nearly do.
func (p *player) pair() []sim.Command {
	free := p.in(4)
	a := sim.Instruct{
		Type: sim.DVP, AccountID: p.someAccount(), Symbol: pick(p.dice, "AAPL", "AAPL", "BTC", "BOND"), ExternalID: p.external(),
		Hold: p.in(12), SettlementDate: p.valueDate(), Links: p.links(), Metadata: auditor.Mark(p.unique()),
	}
	a.Quantity, a.CounterpartyAccount = p.quantity(a.AccountID, a.Symbol), p.otherThan(a.AccountID)
	if free {
		a.Type = sim.DFP
	}
	p.against(&a)
	p.partial(&a)
	b := a
	b.Type, b.AccountID, b.CounterpartyAccount = sim.RVP, a.CounterpartyAccount, a.AccountID
	b.ExternalID, b.Links, b.Hold, b.Metadata = p.external(), p.links(), p.in(12), auditor.Mark(p.unique())
	if free {
		b.Type = sim.RFP
	}
	switch p.IntN(10) {
	case 0:
		if !free {
			b.Payment.Amount = b.Payment.Amount.Add(decimal(p.Int64N(30), 0))
		}
	case 1:
		b.Quantity = b.Quantity.Add(decimal(1, 0))
	case 2:
		b.SettlementDate = p.valueDate()
	case 3:
		p.partial(&b)
	case 4:
		return []sim.Command{b} // the other side is missing
	}
	if p.in(2) {
		return []sim.Command{b, a}
	}
	return []sim.Command{a, b}
}

// linked thinks of a few instructions that depend on one another.
func (p *player) linked() []sim.Command {
	var out []sim.Command
	before := ""
	for range 2 + p.IntN(3) {
		c := sim.Instruct{
			Type: pick(p.dice, sim.Deposit, sim.Withdrawal, sim.Internal), AccountID: p.someAccount(), Symbol: pick(p.dice, "USD", "AAPL"),
			Quantity: decimal(1+p.Int64N(900), 0), ExternalID: fmt.Sprintf("ext-%d", p.unique()), Hold: before == "" && p.in(2),
			Metadata: auditor.Mark(p.unique()),
		}
		if c.Type == sim.Internal {
			c.SourceAccount, c.DestinationAccount = c.AccountID, p.otherThan(c.AccountID)
		}
		if before != "" {
			c.Links = []sim.Link{{Type: pick(p.dice, sim.LinkWith, sim.LinkWith, sim.LinkAfter, sim.LinkBefore), ExternalID: before}}
		}
		before = c.ExternalID
		out = append(out, c)
	}
	return out
}

// broken thinks of an instruction that something is wrong with.
func (p *player) broken() sim.Command {
	c := p.instruct().(sim.Instruct)
	switch p.IntN(12) {
	case 0:
		c.Quantity = c.Quantity.Neg()
	case 1:
		c.Quantity = money.Zero
	case 2:
		c.Quantity = c.Quantity.Add(decimal(1, money.MaxDecimals))
	case 3:
		c.Type = "SWAP"
	case 4:
		c.SettlementDate = pick(p.dice, "2026-02-30", "tomorrow", "1999-01-01", "2031-01-02", "9999-12-31")
	case 5:
		c.Payment = sim.Cash{Currency: "USD", Amount: decimal(-1, 0)}
	case 6:
		c.Counterparty, c.CounterpartyAccount = p.party(), p.otherThan(c.AccountID)
	case 7:
		c.Links = []sim.Link{{Type: "SOME", ExternalID: "x"}}
	case 8:
		c.Partial, c.MinQuantity = sim.PartialByQuantity, c.Quantity.Add(decimal(1, 0))
	case 9:
		c.Symbol = pick(p.dice, "", "USD\x00", "AAPL")
	case 10:
		c.ExternalID = "reversal-of-" + stranger.String()
	default:
		c.Quantity = money.MustParse("99999999999999999999")
	}
	return c
}
