// Package console is the web console of the admin API: a page that a browser makes
// of files which are embedded here. They are the same for everybody and hold nothing
// that is secret; all that the page shows it asks the admin API for, with the token
// that its user gives it, and with that token's role.
//
// There is no build step and nothing is loaded from elsewhere: the page works where
// there is no network but that to the supervisor. lit-html (static/lit-html.js,
// BSD-3-Clause, see static/lit-html.LICENSE) draws it.
package console

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed static
var static embed.FS

// prefix is where all files but the page itself are served.
const prefix = "/console/static/"

// policy lets the page use what is served here, and nothing else: no other site,
// no script or style within the page.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// file is one of the embedded files.
type file struct{ mediaType, tag, content string }

// Files returns what serves each file, by its path: the page at /, and what it is
// made of. They are safe for concurrent use.
func Files() map[string]http.Handler {
	files := make(map[string]http.Handler)
	entries, err := static.ReadDir("static")
	for _, entry := range entries {
		var content []byte
		if content, err = static.ReadFile("static/" + entry.Name()); err != nil {
			break
		}
		sum := sha256.Sum256(content)
		address := prefix + entry.Name()
		if entry.Name() == "index.html" {
			address = "/"
		}
		files[address] = &file{mediaTypeOf(entry.Name()), `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`, string(content)}
	}
	if err != nil {
		panic(err) // the files are within the program
	}
	return files
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
	}
	return "text/plain; charset=utf-8"
}
