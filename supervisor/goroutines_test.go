package supervisor

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryGoroutineIsGuarded reads the code that works for instances: a goroutine
// that is started there in any other way than by package guard would take the whole
// process along when it panics.
func TestEveryGoroutineIsGuarded(t *testing.T) {
	t.Parallel()
	files := 0
	for _, root := range []string{"../sim", "../store", "../obs", "../supervisor"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && (path == "../sim/guard" || path == "../store/storetest"): // the place for it; for tests alone
				return filepath.SkipDir
			case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			files++
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			for _, bare := range bareGoroutines(file) {
				t.Errorf("%s: %s", set.Position(bare.at), bare.what)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 100 {
		t.Errorf("only %d files were read", files)
	}
}

type bare struct {
	at   token.Pos
	what string
}

func bareGoroutines(file *ast.File) (found []bare) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			found = append(found, bare{n.Pos(), "a go statement; use guard.Go"})
		case *ast.CallExpr:
			called, ok := n.Fun.(*ast.SelectorExpr)
			switch {
			case !ok:
			case called.Sel.Name == "Go" && len(n.Args) == 1:
				found = append(found, bare{n.Pos(), "a goroutine of a WaitGroup; use guard.Group"})
			case called.Sel.Name == "AfterFunc" && !harmless(n.Args[1]):
				found = append(found, bare{n.Pos(), "AfterFunc with more than a context's cancel function; use guard.Do in it"})
			}
		}
		return true
	})
	return found
}

// cancels are the names that functions of contexts have here, which end a context
// and cannot panic.
var cancels = map[string]bool{"cancel": true, "cut": true, "done": true, "end": true, "stop": true}

// harmless reports whether a function may be called on a goroutine of the runtime:
// a cancel function, a call of one, or one that is guarded.
func harmless(fn ast.Expr) bool {
	switch fn := fn.(type) {
	case *ast.Ident:
		return cancels[fn.Name]
	case *ast.SelectorExpr:
		return cancels[fn.Sel.Name]
	case *ast.FuncLit:
		if len(fn.Body.List) != 1 {
			return false
		}
		statement, ok := fn.Body.List[0].(*ast.ExprStmt)
		if !ok {
			return false
		}
		call, ok := statement.X.(*ast.CallExpr)
		if !ok {
			return false
		}
		if called, ok := call.Fun.(*ast.SelectorExpr); ok && called.Sel.Name == "Do" {
			of, ok := called.X.(*ast.Ident)
			return ok && of.Name == "guard"
		}
		return harmless(call.Fun)
	}
	return false
}

func TestBareGoroutinesAreFound(t *testing.T) {
	t.Parallel()
	const code = `package p
func f() {
	go f()
	group.Go(f)
	time.AfterFunc(d, f)
	context.AfterFunc(ctx, func() { f(); cancel() })
	defer context.AfterFunc(ctx, cancel)()
	time.AfterFunc(d, g.cut)
	context.AfterFunc(ctx, func() { cancel(err) })
	time.AfterFunc(d, func() { guard.Do("p", nil, f) })
	guard.Go("p", nil, f)
	group.Go("p", nil, f)
}`
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", code, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	if found := bareGoroutines(file); len(found) != 4 {
		t.Errorf("found %v", found)
	}
}
