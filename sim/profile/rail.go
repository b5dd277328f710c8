package profile

import (
	"slices"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/calendar"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// The names of rails.
const (
	CryptoInternal    = "crypto_internal"
	CryptoExternal    = "crypto_external"
	WireDomestic      = "wire_domestic"
	WireInternational = "wire_international"
	ACHTransfer       = "ach_transfer"
)

// RailNames lists every rail that a profile can have, in alphabetical order.
func RailNames() []string {
	return []string{ACHTransfer, CryptoExternal, CryptoInternal, WireDomestic, WireInternational}
}

// Rails are the rails of a profile, by name.
type Rails map[string]Rail

// Rail describes one way in which transfers leave and arrive.
type Rail struct {
	// Kinds are the kinds of assets that travel on the rail.
	Kinds []asset.Kind `koanf:"kinds" json:"kinds" oneof:"cash crypto security" len:"3"`
	// Calendar names the business days, see [calendar.Names].
	Calendar string `koanf:"calendar" json:"calendar" len:"100"`
	// TimeZone is the zone of the cut-off, a name of the IANA database. Empty is
	// that of the calendar.
	TimeZone string `koanf:"time_zone" json:"time_zone,omitempty" len:"100"`
	// CutOff is when a business day ends for transfers.
	CutOff calendar.TimeOfDay `koanf:"cut_off" json:"cut_off"`
	// Cycle is n in T+n, in business days.
	Cycle int `koanf:"cycle" json:"cycle" range:"0..30"`
	// ProcessingTime is what a transfer takes on its value date.
	ProcessingTime Duration `koanf:"processing_time" json:"processing_time" range:"0s..720h"`
	// Confirmations are the blocks that make a transfer final, one each
	// BlockInterval. Rails without a chain have none.
	Confirmations int `koanf:"confirmations" json:"confirmations,omitempty" range:"0..10000"`
	// BlockInterval is the time between two blocks.
	BlockInterval Duration `koanf:"block_interval" json:"block_interval,omitzero" range:"0s..24h"`
	// Fee is what the network takes, in the asset that is transferred.
	Fee Fee `koanf:"fee" json:"fee,omitzero"`
	// DropRate is the probability that the network loses a transfer after it was
	// sent.
	DropRate money.Amount `koanf:"drop_rate" json:"drop_rate,omitzero" range:"0..1"`
	// ReorgRate is the probability that a chain takes back a transfer that has
	// confirmations.
	ReorgRate money.Amount `koanf:"reorg_rate" json:"reorg_rate,omitzero" range:"0..1"`
	// ReturnRate is the probability that the receiving bank returns a transfer
	// within ReturnWindow business days after it was credited.
	ReturnRate money.Amount `koanf:"return_rate" json:"return_rate,omitzero" range:"0..1"`
	// ReturnWindow is how many business days it has for that.
	ReturnWindow int `koanf:"return_window" json:"return_window,omitempty" range:"0..60"`
}

// Allows reports whether assets of a kind travel on the rail.
func (r *Rail) Allows(kind asset.Kind) bool { return slices.Contains(r.Kinds, kind) }

// Fee is what the network takes for a transfer, in the asset that is
// transferred: Fixed plus Rate times the amount, but no more than Max.
type Fee struct {
	// Fixed is taken whatever the amount.
	Fixed money.Amount `koanf:"fixed" json:"fixed,omitzero"`
	// Rate is taken of the amount beside: 0.001 is a tenth of a percent.
	Rate money.Amount `koanf:"rate" json:"rate,omitzero" range:"0..1"`
	// Max is the largest fee; zero is no bound.
	Max money.Amount `koanf:"max" json:"max,omitzero"`
}

// Of returns the fee for an amount. Each part of it is rounded half away from
// zero to the decimals of the asset's minor unit.
func (f Fee) Of(amount money.Amount, decimals int) money.Amount {
	fee := multiply(f.Fixed, one, decimals).Add(multiply(f.Rate, amount, decimals))
	if most := multiply(f.Max, one, decimals); !most.IsZero() && most.Less(fee) {
		return most
	}
	return fee
}
