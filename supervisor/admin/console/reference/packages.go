package main

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// pkg is a package of the repository.
type pkg struct {
	dir string
	// about is the first sentence of its documentation.
	about string
	// imports are the packages of the repository that it needs, tests left out.
	imports []string
	// testsOnly is set where there is nothing but tests.
	testsOnly bool
}

// packages reads all packages, by directory.
func (t *tree) packages() (map[string]*pkg, error) {
	out := make(map[string]*pkg)
	err := filepath.WalkDir(t.root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name := entry.Name(); path != t.root && (strings.HasPrefix(name, ".") || name == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		dir, err := filepath.Rel(t.root, filepath.Dir(path))
		if err != nil {
			return err
		}
		dir = filepath.ToSlash(dir)
		if out[dir] == nil {
			out[dir] = &pkg{dir: dir, testsOnly: true}
		}
		return out[dir].read(path)
	})
	for _, p := range out {
		slices.Sort(p.imports)
		p.imports = slices.Compact(p.imports)
	}
	return out, err
}

// read adds what a file of the package has.
func (p *pkg) read(path string) error {
	isTest := strings.HasSuffix(path, "_test.go")
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		return err
	}
	if p.about == "" {
		p.about = synopsis(file)
	}
	if isTest {
		return nil
	}
	p.testsOnly = false
	for _, spec := range file.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		if dir, ours := strings.CutPrefix(name, module); ours {
			p.imports = append(p.imports, dir)
		}
	}
	return nil
}

// synopsis returns what a package does, as its documentation says it after its name.
func synopsis(file *ast.File) string {
	text := new(doc.Package).Synopsis(file.Doc.Text())
	for _, begin := range []string{"Package ", "Command "} {
		if rest, found := strings.CutPrefix(text, begin); found {
			_, text, _ = strings.Cut(rest, " ")
		}
	}
	text = strings.NewReplacer("[", "", "]", "", "*", `\*`, "<", `\<`).Replace(text)
	return strings.TrimSuffix(strings.TrimSuffix(text, "."), ":")
}

// packageTable shows every package with what it is and needs.
func (t *tree) packageTable() (string, error) {
	all, err := t.packages()
	if err != nil {
		return "", err
	}
	out := newTable("package", "what it does", "imports of ours")
	for _, dir := range slices.Sorted(maps.Keys(all)) {
		p := all[dir]
		if p.about == "" {
			return "", fmt.Errorf("package %s says nowhere what it does", dir)
		}
		imports := make([]string, len(p.imports))
		for i, name := range p.imports {
			imports[i] = code(name)
		}
		out.add(code(dir), p.about, strings.Join(imports, ", "))
	}
	return out.String(), nil
}
