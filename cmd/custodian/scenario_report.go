package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs/terminal"
)

// The formats of reports on scripts.
const (
	formatText  = "text"
	formatJUnit = "junit"
)

var scenarioFormats = []string{formatText, formatJSON, formatJUnit}

// scenarioFormat is the value of the flag --output of scenario run.
type scenarioFormat string

// String returns the format.
func (f *scenarioFormat) String() string { return string(*f) }

// Type names the value in help texts.
func (f *scenarioFormat) Type() string { return "format" }

// Set refuses unknown formats.
func (f *scenarioFormat) Set(text string) error {
	if !slices.Contains(scenarioFormats, text) {
		return fmt.Errorf("must be one of %s", strings.Join(scenarioFormats, ", "))
	}
	*f = scenarioFormat(text)
	return nil
}

// scenarioReport says what came of scripts: as text at once, else at the end.
type scenarioReport struct {
	format scenarioFormat
	out    io.Writer
	// colours are those of texts.
	colours terminal.Colours
	list    []scenarioLine
	err     error // of writing
}

// scenarioLine is what the report in JSON says of a script.
type scenarioLine struct {
	File   string `json:"file"`
	Name   string `json:"name,omitempty"`
	Status string `json:"status"` // passed, failed or error
	Steps  int    `json:"steps"`
	Millis int64  `json:"duration_ms"`
	// Line and Step are where a script failed.
	Line     int      `json:"line,omitempty"`
	Step     string   `json:"step,omitempty"`
	Problems []string `json:"problems,omitempty"`
	Answer   string   `json:"answer,omitempty"`

	took time.Duration
}

const (
	scenarioPassed = "passed"
	scenarioFailed = "failed"
	scenarioError  = "error"
)

func newScenarioReport(format scenarioFormat, out io.Writer, colours terminal.Colours) *scenarioReport {
	return &scenarioReport{format: format, out: out, colours: colours}
}

func (r *scenarioReport) add(p played) {
	line := scenarioLine{File: p.file, Status: scenarioPassed, Millis: p.took.Milliseconds(), took: p.took}
	if p.result != nil {
		line.Name, line.Steps = p.result.Name, p.result.Steps
		if f := p.result.Failure; f != nil {
			line.Status, line.Line, line.Step, line.Problems, line.Answer = scenarioFailed, f.Line, f.Step, f.Problems, f.Answer
		}
	}
	if p.err != nil {
		line.Status, line.Problems = scenarioError, strings.Split(p.err.Error(), "\n")
	}
	r.list = append(r.list, line)
	if r.format == formatText {
		r.print(&line)
	}
}

func (r *scenarioReport) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(r.out, format, args...); err != nil && r.err == nil {
		r.err = err
	}
}

func (r *scenarioReport) print(line *scenarioLine) {
	label := map[string]string{
		scenarioPassed: r.colours.Green("ok   "), scenarioFailed: r.colours.Red("FAIL "), scenarioError: r.colours.Red("ERROR"),
	}[line.Status]
	r.printf("%s %s (%s, %s)\n", label, line.File, count(line.Steps, "step"), line.took.Round(100*time.Microsecond))
	for _, text := range line.details() {
		r.printf("      %s\n", strings.ReplaceAll(text, "\n", "\n      "))
	}
}

// details say what is wrong, a text each.
func (l *scenarioLine) details() []string {
	var out []string
	if l.Status == scenarioFailed {
		out = append(out, fmt.Sprintf("%s:%d: step %s", l.File, l.Line, l.Step))
	}
	for _, problem := range l.Problems {
		out = append(out, "  "+problem)
	}
	if l.Answer != "" {
		out = append(out, "  the answer was "+l.Answer)
	}
	return out
}

// count returns how many scripts have a status.
func (r *scenarioReport) count(status string) int {
	n := 0
	for i := range r.list {
		if r.list[i].Status == status {
			n++
		}
	}
	return n
}

// end writes what is to be written at the end.
func (r *scenarioReport) end() error {
	switch r.format {
	case formatJSON:
		return printJSON(r.out, map[string]any{
			"scenarios": r.list, scenarioPassed: r.count(scenarioPassed), scenarioFailed: r.count(scenarioFailed), "errors": r.count(scenarioError),
		})
	case formatJUnit:
		return r.junit()
	default:
		if len(r.list) > 1 {
			r.printf("%d passed, %d failed, %d could not be run\n", r.count(scenarioPassed), r.count(scenarioFailed), r.count(scenarioError))
		}
		return r.err
	}
}

// verdict turns the results into an exit code.
func (r *scenarioReport) verdict() error {
	switch {
	case r.count(scenarioError) > 0:
		return &failure{code: codeInput}
	case r.count(scenarioFailed) > 0:
		return &failure{code: codeFailed}
	default:
		return nil
	}
}

// junitSuite is the form of reports that most CI systems read.
type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitFailure `xml:"failure"`
	Error   *junitFailure `xml:"error"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }

func (r *scenarioReport) junit() error {
	suite := junitSuite{Name: "custodian scenario run", Tests: len(r.list), Failures: r.count(scenarioFailed), Errors: r.count(scenarioError)}
	var total time.Duration
	for i := range r.list {
		line := &r.list[i]
		total += line.took
		c := junitCase{Class: line.File, Name: line.Name, Time: seconds(line.took)}
		if c.Name == "" {
			c.Name = line.File
		}
		if len(line.Problems) > 0 {
			f := &junitFailure{Message: line.Problems[0], Text: strings.Join(line.details(), "\n")}
			if line.Status == scenarioError {
				c.Error = f
			} else {
				c.Failure = f
			}
		}
		suite.Cases = append(suite.Cases, c)
	}
	suite.Time = seconds(total)
	if _, err := io.WriteString(r.out, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(r.out)
	e.Indent("", "  ")
	if err := e.Encode(suite); err != nil {
		return err
	}
	_, err := io.WriteString(r.out, "\n")
	return err
}
