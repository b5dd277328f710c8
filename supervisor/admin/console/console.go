// Package console is the web console of the admin API: a page that a browser makes
// of files which are embedded here. They are the same for everybody and hold nothing
// that is secret; all that the page shows it asks the admin API for, with the token
// that its user gives it, and with that token's role.
//
// There is no build step and nothing is loaded from elsewhere: the page works where
// there is no network but that to the supervisor. lit-html 3.3.3 (static/lit-html,
// BSD-3-Clause, see the LICENSE there) draws it: what comes live each second
// changes only the text that differs, so that focus, selections and half-filled forms
// stay, and the page asks the same API as any other client, with no second one that
// answers pieces of HTML. Its charts are few lines of SVG. The pages of the documentation
// are made of the repository's Markdown files by go generate, and what these say of
// keys, metrics, errors and packages is made of the code.
package console

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:generate go run ./reference
//go:generate go run ./render

//go:embed static docs
var embedded embed.FS

// prefix is where all files but the page itself are served.
const prefix = "/console/static/"

// policy lets the page use what is served here, and nothing else: no other site,
// no script or style within the page.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// file is one of the embedded files.
type file struct{ mediaType, tag, content string }

// Files returns what serves each file, by its path: the page at /, what it is made of,
// and the documentation at /docs/. They are safe for concurrent use.
func Files() map[string]http.Handler {
	files := make(map[string]http.Handler)
	err := fs.WalkDir(embedded, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := embedded.ReadFile(name)
		sum := sha256.Sum256(content)
		f := &file{mediaTypeOf(name), `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`, string(content)}
		for _, address := range addressesOf(name) {
			files[address] = f
		}
		return err
	})
	if err != nil {
		panic(err) // the files are within the program
	}
	return files
}

// addressesOf returns where a file is served.
func addressesOf(name string) []string {
	page, isPage := strings.CutPrefix(name, "docs/")
	switch {
	case name == "static/index.html":
		return []string{"/"}
	case page == "index.html":
		return []string{"/docs", "/docs/"}
	case isPage:
		return []string{"/docs/" + strings.TrimSuffix(page, ".html")}
	}
	return []string{prefix + strings.TrimPrefix(name, "static/")}
}

// ServeHTTP answers with the file, unless the browser has it already.
func (f *file) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.mediaType)
	h.Set("ETag", f.tag)
	h.Set("Cache-Control", "no-cache") // kept, and asked for each time whether it is still the one
	h.Set("Content-Security-Policy", policy)
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(f.content))
}

// mediaTypeOf knows the files by their names, whatever this machine takes them for.
func mediaTypeOf(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	}
	return "text/plain; charset=utf-8"
}
