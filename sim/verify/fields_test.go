package verify_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// Each field of each kind of record is changed, one at a time: a field that a
// comparison left out would show.
func TestNoFieldCanBeChangedUnnoticed(t *testing.T) {
	t.Parallel()
	w := newWriter(t)
	write(w)
	w.project()
	check := func(table string, record any, doctor func(*doctored, func(reflect.Value))) {
		kind := reflect.TypeOf(record)
		for i := range kind.NumField() {
			field := kind.Field(i)
			if !field.IsExported() || (table == "transfers" && field.Name == "Approvals") || field.Name == "Removed" {
				continue
			}
			t.Run(table+" "+field.Name, func(t *testing.T) {
				t.Parallel()
				d := &doctored{Journal: w.journal}
				doctor(d, func(row reflect.Value) { alter(t, row.Field(i)) })
				report := run(t, d, options())
				if report.OK() {
					t.Fatal("nothing is reported")
				}
				for _, difference := range report.Differences {
					if difference.Table != table {
						t.Errorf("want differences in %s alone:%s", table, list(report.Differences))
					}
				}
			})
		}
	}
	check("settlements", sim.Settlement{}, func(d *doctored, change func(reflect.Value)) {
		d.settlements = edit(0, func(s *sim.Settlement) { change(reflect.ValueOf(s).Elem()) })
	})
	check("transfers", sim.Transfer{}, func(d *doctored, change func(reflect.Value)) {
		d.transfers = edit(0, func(v *sim.Transfer) {
			change(reflect.ValueOf(v).Elem())
		})
	})
	check("approvals", sim.Approval{}, func(d *doctored, change func(reflect.Value)) {
		d.transfers = edit(1, func(v *sim.Transfer) {
			v.Approvals = slices.Clone(v.Approvals)
			change(reflect.ValueOf(&v.Approvals[1]).Elem())
		})
	})
	check("documents", sim.Document{}, func(d *doctored, change func(reflect.Value)) {
		d.documents = edit(1, func(v *sim.Document) { change(reflect.ValueOf(v).Elem()) })
	})
	check("positions", sim.Holding{}, func(d *doctored, change func(reflect.Value)) {
		d.holdings = only(false, edit(0, func(h *sim.Holding) { change(reflect.ValueOf(h).Elem()) }))
	})
}

// alter gives a field another value than it has.
func alter(t *testing.T, v reflect.Value) {
	t.Helper()
	switch now := v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(now.Add(time.Hour)))
	case money.Amount:
		v.Set(reflect.ValueOf(now.Add(amount("0.01"))))
	case []byte:
		v.SetBytes([]byte(`{"altered":true}`))
	default:
		switch v.Kind() {
		case reflect.String:
			v.SetString(v.String() + "x")
		case reflect.Bool:
			v.SetBool(!v.Bool())
		case reflect.Int:
			v.SetInt(v.Int() + 1)
		case reflect.Uint32:
			v.SetUint(v.Uint() + 1)
		case reflect.Array: // an id
			v.Index(15).SetUint(v.Index(15).Uint() ^ 0x55)
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), v.Len()+1, v.Len()+1))
		case reflect.Pointer:
			v.Set(reflect.New(v.Type().Elem()))
		case reflect.Struct:
			alter(t, v.Field(0))
		default:
			t.Fatalf("no other value for a %s", v.Type())
		}
	}
}
