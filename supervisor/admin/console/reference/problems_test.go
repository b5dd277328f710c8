package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/grpcapi"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
)

// sources visits the files of a directory that are compiled into the program, but for
// what is generated.
func sources(t *testing.T, dir string, visit func(path string, file *ast.File)) {
	t.Helper()
	count := 0
	err := filepath.WalkDir(filepath.Join(root, dir), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil || ast.IsGenerated(file) {
			return err
		}
		count++
		visit(filepath.ToSlash(path), file)
		return nil
	})
	if err != nil || count < 10 {
		t.Fatal(count, err)
	}
}

// codeConstants are the codes that there are, by the names of their constants, and
// the comments beside them, by code.
func codeConstants(t *testing.T) (out, comments map[string]string) {
	t.Helper()
	out, comments = make(map[string]string), make(map[string]string)
	sources(t, "sim", func(path string, file *ast.File) {
		if file.Name.Name != "sim" && file.Name.Name != "problem" {
			return
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Code") {
				return true
			}
			if value, ok := spec.Values[0].(*ast.BasicLit); ok {
				text, err := strconv.Unquote(value.Value)
				if err != nil {
					t.Error(path, err)
				}
				out[spec.Names[0].Name] = text
				if told := strings.TrimSpace(spec.Comment.Text()); told != "" {
					comments[text] = told
				}
			}
			return true
		})
	})
	return out, comments
}

// Whatever code the program answers with, its caller finds it on the page.
func TestThePageHasEveryCodeOfTheProgram(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(root, "sim/httpapi/problem/README.md"))
	if err != nil {
		t.Fatal(err)
	}
	known := make(map[string]problem.Kind)
	for _, k := range problem.Kinds() {
		if _, twice := known[string(k.Code)]; twice {
			t.Errorf("%s is there twice", k.Code)
		}
		known[string(k.Code)] = k
	}
	constants, comments := codeConstants(t)
	if len(constants) < 20 || len(comments) < 15 {
		t.Fatalf("only %d codes with %d comments were found", len(constants), len(comments))
	}
	for code, told := range comments {
		overGRPC, _ := grpcapi.StatusCode(sim.Code(code))
		if want := fmt.Sprintf("%d, %s", known[code].Status, nameOf(overGRPC)); told != want {
			t.Errorf("the comment on %q says %s, it is %s", code, told, want)
		}
	}
	for name, code := range constants {
		k, found := known[code]
		if !found || !strings.Contains(string(page), "| `"+code+"` |") {
			t.Errorf("the page lacks %s, which is %q", name, code)
		}
		if _, overGRPC := grpcapi.StatusCode(sim.Code(code)); overGRPC && !k.Custodian {
			t.Errorf("%q has a status of gRPC, and no custodian answers with it", code)
		}
		delete(known, code)
	}
	for code := range known {
		t.Errorf("the page has %q, which is no code of the program", code)
	}
}

// A problem that is made of text would have a code that the page may lack.
func TestProblemsAreMadeOfCodesThatAreKnown(t *testing.T) {
	t.Parallel()
	constants, _ := codeConstants(t)
	kinds := make(map[string]problem.Kind)
	for _, k := range problem.Kinds() {
		kinds[string(k.Code)] = k
	}
	made := 0
	for _, dir := range []string{"sim", "supervisor"} {
		sources(t, dir, func(path string, file *ast.File) {
			inAdmin := strings.Contains(path, "/supervisor/admin/") && !strings.Contains(path, "/console/")
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CallExpr:
					if isCall(n, "problem", "New") || isCall(n, "", "New") && file.Name.Name == "problem" {
						made++
						if text, isText := n.Args[1].(*ast.BasicLit); isText {
							t.Errorf("%s makes a problem of %s; name the code in package sim or problem", path, text.Value)
						}
					}
				case *ast.SelectorExpr:
					if code, isCode := constants[n.Sel.Name]; isCode && inAdmin && !kinds[code].Admin {
						t.Errorf("%s has %s, and the page says that the admin API does not answer with it", path, n.Sel.Name)
					}
				}
				return true
			})
		})
	}
	if made < 20 {
		t.Errorf("only %d problems were found", made)
	}
}

// isCall reports whether a function of a package is called, or of the file's own.
func isCall(call *ast.CallExpr, pkg, name string) bool {
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		return pkg == "" && fun.Name == name
	case *ast.SelectorExpr:
		from, ok := fun.X.(*ast.Ident)
		return ok && from.Name == pkg && fun.Sel.Name == name
	}
	return false
}

// The same for the statuses that gRPC gets without a code.
func TestStatusesWithoutACodeAreOnThePage(t *testing.T) {
	t.Parallel()
	bare := make(map[string]bool)
	for _, s := range grpcapi.BareStatuses() {
		bare[s.Code.String()] = true
	}
	made := 0
	for _, dir := range []string{"sim", "obs"} {
		sources(t, dir, func(path string, file *ast.File) {
			ast.Inspect(file, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || !isCall(call, "status", "Error") && !isCall(call, "status", "Errorf") {
					return true
				}
				made++
				if code, ok := call.Args[0].(*ast.SelectorExpr); !ok || !bare[code.Sel.Name] {
					t.Errorf("%s makes a status that the page lacks: %s", path, fmt.Sprint(call.Args[0]))
				}
				return true
			})
		})
	}
	if made < 4 {
		t.Errorf("only %d statuses were found", made)
	}
}
