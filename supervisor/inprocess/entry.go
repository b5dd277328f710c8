package inprocess

import (
	"encoding/json"
	"time"
)

// named gives an entry a name where it has none. Whatever else is wrong with it,
// the parser says.
func named(entry []byte) []byte {
	var fields map[string]json.RawMessage
	if json.Unmarshal(entry, &fields) != nil || fields == nil {
		return entry
	}
	if _, has := fields["name"]; has {
		return entry
	}
	fields["name"] = json.RawMessage(`"` + DefaultName + `"`)
	out, err := json.Marshal(fields)
	if err != nil {
		return entry // cannot be: it was JSON before
	}
	return out
}

// unmetered counts nothing.
type unmetered struct{}

func (unmetered) RecordPositionCreated(string, string)     {}
func (unmetered) RecordSettlementProcessed(string, string) {}
func (unmetered) RecordBalanceChange(string, string)       {}
func (unmetered) RecordBatch(int, time.Duration)           {}
func (unmetered) RecordRefused(string)                     {}
func (unmetered) RecordProjection(int, time.Duration)      {}
func (unmetered) SetProjectionLag(int)                     {}
func (unmetered) SetQueueDepth(int)                        {}
func (unmetered) RecordReload()                            {}
