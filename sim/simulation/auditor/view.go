package auditor

import (
	"time"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// View is what an auditor knows, in an order that depends on the journal alone.
// Its lists change with the next batch.
type View struct {
	Accounts []string
	// Holdings, Open and OpenTransfers are ids; Recent are those of the latest
	// settlements, open or final.
	Holdings      []uuid.UUID
	Open          []uuid.UUID
	OpenTransfers []uuid.UUID
	Recent        []uuid.UUID
	External      []string
	Faults        []string
	Actions       []string

	// Happened counts the events by type.
	Happened map[sim.EventType]int

	holdings map[uuid.UUID]*sim.Holding
	at       map[uuid.UUID]int // in its list
}

const recent = 64

func newView() View {
	return View{Happened: make(map[sim.EventType]int), holdings: make(map[uuid.UUID]*sim.Holding), at: make(map[uuid.UUID]int)}
}

// View returns what the auditor knows.
func (a *Auditor) View() *View { return &a.view }

// Holding returns a holding, or nil.
func (a *Auditor) Holding(id uuid.UUID) *sim.Holding { return a.view.holdings[id] }

// HoldingOf returns what an account has of a symbol, or nil.
func (a *Auditor) HoldingOf(account, symbol string) *sim.Holding {
	if p := a.holdings[place{account, symbol}]; p != nil {
		return p.record
	}
	return nil
}

// Settlement returns the last record of a settlement, or nil.
func (a *Auditor) Settlement(id uuid.UUID) *sim.Settlement { return a.settlements[id] }

// Transfer returns the last record of a transfer, or nil.
func (a *Auditor) Transfer(id uuid.UUID) *sim.Transfer { return a.transfers[id] }

// Account returns an account, or nil.
func (a *Auditor) Account(id string) *sim.Account { return a.accounts[id] }

// put puts an id into a list, unless it is there.
func (v *View) put(list *[]uuid.UUID, id uuid.UUID) {
	if _, known := v.at[id]; !known {
		v.at[id] = len(*list)
		*list = append(*list, id)
	}
}

// drop takes an id out of a list, and moves the last one to its place.
func (v *View) drop(list *[]uuid.UUID, id uuid.UUID) {
	at, known := v.at[id]
	if !known {
		return
	}
	last := (*list)[len(*list)-1]
	(*list)[at], v.at[last] = last, at
	*list = (*list)[:len(*list)-1]
	delete(v.at, id)
}

func (v *View) addHolding(h *sim.Holding) { v.put(&v.Holdings, h.ID) }

func (v *View) removeHolding(h *sim.Holding) {
	v.drop(&v.Holdings, h.ID)
	delete(v.holdings, h.ID)
}

func (v *View) remember(id uuid.UUID, externalID string) {
	if len(v.Recent) == recent {
		v.Recent = v.Recent[1:]
	}
	v.Recent = append(v.Recent, id)
	if externalID == "" {
		return
	}
	if len(v.External) == recent {
		v.External = v.External[1:]
	}
	v.External = append(v.External, externalID)
}

// External returns the settlement with an external id.
func (a *Auditor) External(externalID string) (uuid.UUID, bool) {
	id, known := a.byExternal["s"+externalID]
	return id, known
}

// Time returns the instance time of the last event.
func (a *Auditor) Time() time.Time { return a.time }

// Clock returns the mode of the clock.
func (a *Auditor) Clock() sim.ClockMode {
	if v := a.documents[sim.DocumentKey{Kind: sim.DocumentClock, ID: "clock"}]; v != nil {
		if setting, err := v.Clock(); err == nil {
			return setting.Mode
		}
	}
	return sim.ClockReal
}
