package policy

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// Bounds of expressions. A comparison costs about 1 and a call about as much; what
// the longest expression costs without a loop is far less than the limit.
const (
	// MaxExpression is how many characters an expression may have.
	MaxExpression = 2000
	maxNesting    = 50
	maxCost       = 20_000
)

// sentType is the type of the variable sent.
var sentType = types.NewObjectType("sent")

// sent gives expressions what left the account lately.
type sent struct{ facts *sim.PolicyFacts }

// ConvertToNative converts to nothing: expressions have no use for it.
func (s sent) ConvertToNative(to reflect.Type) (any, error) {
	return nil, fmt.Errorf("sent does not convert to %v", to)
}

// ConvertToType converts to nothing but its type.
func (s sent) ConvertToType(to ref.Type) ref.Val {
	if to.TypeName() == types.TypeType.TypeName() {
		return sentType
	}
	return types.NewErr("sent does not convert to %s", to.TypeName())
}

// Equal reports whether both are the same.
func (s sent) Equal(other ref.Val) ref.Val {
	o, ok := other.(sent)
	return types.Bool(ok && o.facts == s.facts)
}

// Type returns the type of sent.
func (s sent) Type() ref.Type { return sentType }

// Value returns the facts.
func (s sent) Value() any { return s.facts }

// within calls fn with what left within so many hours.
func within(receiver, hours ref.Val, fn func(f *sim.PolicyFacts, hours int) ref.Val) ref.Val {
	s, ok := receiver.(sent)
	h, whole := hours.(types.Int)
	switch {
	case !ok || !whole:
		return types.MaybeNoSuchOverloadErr(receiver)
	case h < 1 || h > sim.MaxVelocityHours:
		return types.NewErr("%d hours are not kept; allowed: 1 to %d", int64(h), sim.MaxVelocityHours)
	}
	return fn(s.facts, int(h))
}

// variables are what expressions see, by name.
var variables = map[string]struct {
	kind  *cel.Type
	value func(f *sim.PolicyFacts) any
}{
	"transfer.rail":         {cel.StringType, func(f *sim.PolicyFacts) any { return f.Transfer.Rail }},
	"transfer.direction":    {cel.StringType, func(f *sim.PolicyFacts) any { return string(f.Transfer.Direction) }},
	"transfer.symbol":       {cel.StringType, func(f *sim.PolicyFacts) any { return f.Transfer.Symbol }},
	"transfer.kind":         {cel.StringType, func(f *sim.PolicyFacts) any { return string(f.Asset.Kind) }},
	"transfer.external_id":  {cel.StringType, func(f *sim.PolicyFacts) any { return f.Transfer.ExternalID }},
	"transfer.requested_by": {cel.StringType, func(f *sim.PolicyFacts) any { return f.Transfer.RequestedBy }},
	"transfer.quantity":     {decimalType, func(f *sim.PolicyFacts) any { return decimalOf(f.Transfer.Quantity) }},
	"beneficiary.name":      {cel.StringType, func(f *sim.PolicyFacts) any { return f.Transfer.Beneficiary.Name }},
	"beneficiary.account":   {cel.StringType, func(f *sim.PolicyFacts) any { return f.Transfer.Beneficiary.Account }},
	"beneficiary.bank":      {cel.StringType, func(f *sim.PolicyFacts) any { return f.Transfer.Beneficiary.Bank }},
	"beneficiary.address":   {cel.StringType, func(f *sim.PolicyFacts) any { return f.Transfer.Beneficiary.Address }},
	"beneficiary.network":   {cel.StringType, func(f *sim.PolicyFacts) any { return f.Transfer.Beneficiary.Network }},
	"account.id":            {cel.StringType, func(f *sim.PolicyFacts) any { return f.Account.AccountID }},
	"account.client_id":     {cel.StringType, func(f *sim.PolicyFacts) any { return f.Account.ClientID }},
	"account.type":          {cel.StringType, func(f *sim.PolicyFacts) any { return string(f.Account.Type) }},
	"holding.available":     {decimalType, func(f *sim.PolicyFacts) any { return decimalOf(f.Available) }},
	"holding.total":         {decimalType, func(f *sim.PolicyFacts) any { return decimalOf(f.Total) }},
	"sent":                  {sentType, func(f *sim.PolicyFacts) any { return sent{f} }},
	"now":                   {cel.TimestampType, func(f *sim.PolicyFacts) any { return f.Now }},
}

// environment is the language of expressions, made once.
var environment = sync.OnceValue(newEnvironment)

func newEnvironment() *cel.Env {
	options := []cel.EnvOption{
		cel.ParserExpressionSizeLimit(MaxExpression), cel.ParserRecursionLimit(maxNesting),
		cel.Function("decimal",
			cel.Overload("decimal_string", []*cel.Type{cel.StringType}, decimalType, cel.UnaryBinding(parseDecimal)),
			cel.Overload("decimal_int", []*cel.Type{cel.IntType}, decimalType, cel.UnaryBinding(parseDecimal))),
		cel.Function("amount", cel.MemberOverload("sent_amount_int", []*cel.Type{sentType, cel.IntType}, decimalType,
			cel.BinaryBinding(func(s, hours ref.Val) ref.Val {
				return within(s, hours, func(f *sim.PolicyFacts, hours int) ref.Val {
					amount, _ := f.Sent(hours)
					return decimalOf(amount)
				})
			}))),
		cel.Function("count", cel.MemberOverload("sent_count_int", []*cel.Type{sentType, cel.IntType}, cel.IntType,
			cel.BinaryBinding(func(s, hours ref.Val) ref.Val {
				return within(s, hours, func(f *sim.PolicyFacts, hours int) ref.Val {
					_, count := f.Sent(hours)
					return types.Int(count)
				})
			}))),
	}
	for name, v := range variables {
		options = append(options, cel.Variable(name, v.kind))
	}
	// The operators find their meaning in the methods of decimal.
	for operator, result := range map[string]*cel.Type{
		operators.Less: cel.BoolType, operators.LessEquals: cel.BoolType, operators.Greater: cel.BoolType, operators.GreaterEquals: cel.BoolType,
		operators.Add: decimalType, operators.Subtract: decimalType, operators.Multiply: decimalType,
	} {
		options = append(options, cel.Function(operator,
			cel.Overload(operator+"decimal", []*cel.Type{decimalType, decimalType}, result),
			cel.Overload(operator+"decimal_int", []*cel.Type{decimalType, cel.IntType}, result)))
	}
	env, err := cel.NewEnv(options...)
	if err != nil {
		panic(fmt.Sprintf("policy: the language of conditions is not sound: %v", err)) // tests rule it out
	}
	return env
}

// condition is a compiled expression.
type condition struct{ program cel.Program }

// compiling lets one compilation at a time look at the environment, which cel-go
// v0.33.2 changes while it does: to say what an undeclared name may have meant, its
// checker makes a catalog that other compilations copy without a lock.
var compiling sync.Mutex

func compile(env *cel.Env, text string) (*cel.Ast, *cel.Issues) {
	compiling.Lock()
	defer compiling.Unlock()
	return env.Compile(text)
}

// compileCondition compiles an expression. The error says what is wrong with it.
func compileCondition(text string) (sim.Condition, error) {
	env := environment()
	ast, issues := compile(env, text)
	if err := issues.Err(); err != nil {
		return nil, fmt.Errorf("does not compile: %s", firstLine(err))
	}
	if ast.OutputType().Kind() != types.BoolKind {
		return nil, fmt.Errorf("gives %s; a condition gives true or false", ast.OutputType())
	}
	for _, t := range ast.NativeRep().TypeMap() {
		if usesDouble(t) {
			return nil, errors.New(`uses floating point numbers, which are not exact; write decimal("0.25") for 0.25`)
		}
	}
	program, err := env.Program(ast, cel.CostLimit(maxCost), cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, fmt.Errorf("does not compile: %s", firstLine(err))
	}
	return condition{program}, nil
}

// usesDouble reports whether values of a type are, or hold, floating point numbers.
func usesDouble(t *types.Type) bool {
	if t.Kind() == types.DoubleKind {
		return true
	}
	for _, p := range t.Parameters() {
		if usesDouble(p) {
			return true
		}
	}
	return false
}

// firstLine leaves out the drawing of where the mistake is, which spans lines.
func firstLine(err error) string {
	line, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "ERROR: <input>:"), "\n")
	return line
}

// facts gives the variables of an expression their values when it asks for them.
type facts struct{ *sim.PolicyFacts }

// ResolveName returns the value of a variable.
func (f facts) ResolveName(name string) (any, bool) {
	v, ok := variables[name]
	if !ok {
		return nil, false
	}
	return v.value(f.PolicyFacts), true
}

// Parent returns nothing: there are no other variables.
func (f facts) Parent() cel.Activation { return nil }

// Holds evaluates the expression.
func (c condition) Holds(f *sim.PolicyFacts) (bool, error) {
	out, _, err := c.program.Eval(facts{f})
	if err != nil {
		return false, errors.New(firstLine(err))
	}
	holds, ok := out.Value().(bool)
	if !ok {
		return false, fmt.Errorf("it gives %v", out.Type())
	}
	return holds, nil
}
