package policy

import (
	"errors"
	"fmt"
	"math/big"
	"reflect"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/money"
)

// decimalType is the type of exact decimals in expressions.
var decimalType = types.NewObjectType("decimal", traits.AdderType, traits.SubtractorType, traits.MultiplierType, traits.ComparerType)

// maxBits bounds the numbers that expressions compute: amounts have 126 bits, and
// a product of a few of them is all that a rule has use for.
const maxBits = 512

var errNumber = errors.New("the numbers of the expression grow too large")

// decimal is an exact decimal number. It is immutable.
type decimal struct{ *big.Rat }

var (
	_ ref.Val           = decimal{}
	_ traits.Adder      = decimal{}
	_ traits.Subtractor = decimal{}
	_ traits.Multiplier = decimal{}
	_ traits.Comparer   = decimal{}
)

// scale is the number of units in one: amounts are whole units.
var scale = new(big.Int).Exp(big.NewInt(10), big.NewInt(money.MaxDecimals), nil)

func decimalOf(a money.Amount) decimal {
	return decimal{new(big.Rat).SetFrac(a.Unscaled(money.MaxDecimals), scale)}
}

// parseDecimal is the function decimal of expressions.
func parseDecimal(v ref.Val) ref.Val {
	if n, ok := operand(v); ok {
		return decimal{n}
	}
	s, ok := v.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(v)
	}
	a, err := money.Parse(string(s))
	if err != nil {
		return types.NewErr("decimal(%q): %v", string(s), err)
	}
	return decimalOf(a)
}

// operand returns the right side of an operator.
func operand(v ref.Val) (*big.Rat, bool) {
	switch v := v.(type) {
	case decimal:
		return v.Rat, true
	case types.Int:
		return new(big.Rat).SetInt64(int64(v)), true
	default:
		return nil, false
	}
}

func (d decimal) combine(other ref.Val, with func(x, y *big.Rat) *big.Rat) ref.Val {
	y, ok := operand(other)
	if !ok {
		return types.MaybeNoSuchOverloadErr(other)
	}
	z := with(d.Rat, y)
	if z.Num().BitLen() > maxBits || z.Denom().BitLen() > maxBits {
		return types.WrapErr(errNumber)
	}
	return decimal{z}
}

// Add, Subtract and Multiply are the operators +, - and *.

func (d decimal) Add(other ref.Val) ref.Val {
	return d.combine(other, func(x, y *big.Rat) *big.Rat { return new(big.Rat).Add(x, y) })
}

func (d decimal) Subtract(other ref.Val) ref.Val {
	return d.combine(other, func(x, y *big.Rat) *big.Rat { return new(big.Rat).Sub(x, y) })
}

func (d decimal) Multiply(other ref.Val) ref.Val {
	return d.combine(other, func(x, y *big.Rat) *big.Rat { return new(big.Rat).Mul(x, y) })
}

// Compare orders decimals, for <, <=, > and >=.
func (d decimal) Compare(other ref.Val) ref.Val {
	y, ok := operand(other)
	if !ok {
		return types.MaybeNoSuchOverloadErr(other)
	}
	return types.Int(d.Cmp(y))
}

// Equal compares decimals, for == and !=.
func (d decimal) Equal(other ref.Val) ref.Val {
	y, ok := operand(other)
	return types.Bool(ok && d.Cmp(y) == 0)
}

// Type returns the type of decimals.
func (d decimal) Type() ref.Type { return decimalType }

// Value returns the number.
func (d decimal) Value() any { return d.Rat }

// ConvertToNative converts to nothing but the number itself and text.
func (d decimal) ConvertToNative(to reflect.Type) (any, error) {
	switch to {
	case reflect.TypeFor[*big.Rat]():
		return d.Rat, nil
	case reflect.TypeFor[string]():
		return d.RatString(), nil
	}
	return nil, fmt.Errorf("a decimal does not convert to %v", to)
}

// ConvertToType gives the decimal itself and its type.
func (d decimal) ConvertToType(to ref.Type) ref.Val {
	switch to.TypeName() {
	case decimalType.TypeName():
		return d
	case types.TypeType.TypeName():
		return decimalType
	}
	return types.NewErr("a decimal does not convert to %s", to.TypeName())
}
