package money_test

import (
	"encoding"
	"errors"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

var (
	_ encoding.TextMarshaler   = money.Amount{}
	_ encoding.TextUnmarshaler = (*money.Amount)(nil)
)

func TestTextReadsAsParseDoes(t *testing.T) {
	t.Parallel()
	a := money.MustParse("7")
	if err := a.UnmarshalText([]byte("-12.50")); err != nil || !a.Equal(money.MustParse("-12.5")) {
		t.Errorf("read as %s, %v", a, err)
	}
	if text, err := a.MarshalText(); err != nil || string(text) != "-12.5" {
		t.Errorf("written as %s, %v", text, err)
	}
	if err := a.UnmarshalText([]byte("1e5")); !errors.Is(err, money.ErrSyntax) || a.String() != "-12.5" {
		t.Errorf("bad text fails with %v and leaves %s", err, a)
	}
}
