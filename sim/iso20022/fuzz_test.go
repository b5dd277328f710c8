package iso20022_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/iso20022"
)

func seeds(f *testing.F) {
	f.Helper()
	files, err := filepath.Glob("testdata/*.xml")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(billionLaughs))
	f.Add([]byte(`<?xml version="1.0" encoding="latin1"?><a/>`))
	f.Add([]byte("<a>" + strings.Repeat("<b>", 40)))
}

// sound checks an error of a parser.
func sound(t *testing.T, err error) {
	t.Helper()
	failure, ok := errors.AsType[*iso20022.Error](err)
	if !ok || failure == nil || failure.Message == "" {
		t.Fatalf("the error is %#v, want an *Error with a message", err)
	}
}

func FuzzParseInstruction(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		in, err := iso20022.ParseInstruction(data)
		if err != nil {
			sound(t, err)
			return
		}
		again := rewrittenInstruction(t, in)
		in.Header, in.Version, in.Ignored = nil, again.Version, again.Ignored
		if in.Type == "" {
			in.Type = "TRAD"
		}
		if in.Instrument.Symbol == "" {
			in.Instrument.SymbolType = ""
		}
		if !reflect.DeepEqual(in, again) {
			t.Fatalf("%+v became %+v", in, again)
		}
	})
}

// rewrittenInstruction writes an instruction and reads it again.
func rewrittenInstruction(t interface{ Fatal(...any) }, in *iso20022.Instruction) *iso20022.Instruction {
	data, err := in.XML()
	if err != nil {
		t.Fatal(err)
	}
	again, err := iso20022.ParseInstruction(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(again.Ignored) > 0 {
		t.Fatal("our own elements are ignored:", again.Ignored)
	}
	return again
}

func FuzzParseCancellationRequest(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := iso20022.ParseCancellationRequest(data)
		if err != nil {
			sound(t, err)
			return
		}
		again := rewrittenCancellation(t, c)
		c.Header, c.Version, c.Ignored = nil, again.Version, again.Ignored
		if !reflect.DeepEqual(c, again) {
			t.Fatalf("%+v became %+v", c, again)
		}
	})
}

func rewrittenCancellation(t interface{ Fatal(...any) }, c *iso20022.CancellationRequest) *iso20022.CancellationRequest {
	data, err := c.XML()
	if err != nil {
		t.Fatal(err)
	}
	again, err := iso20022.ParseCancellationRequest(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(again.Ignored) > 0 {
		t.Fatal("our own elements are ignored:", again.Ignored)
	}
	return again
}

func FuzzParseAgreesWithTheParserOfTheMessage(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		message, err := iso20022.Parse(data)
		in, instructionErr := iso20022.ParseInstruction(data)
		c, cancellationErr := iso20022.ParseCancellationRequest(data)
		switch m := message.(type) {
		case nil:
			sound(t, err)
			if instructionErr == nil || cancellationErr == nil {
				t.Fatalf("Parse refuses what is read: %v", err)
			}
		case *iso20022.Instruction:
			if instructionErr != nil || !reflect.DeepEqual(m, in) {
				t.Fatalf("Parse gives %+v, ParseInstruction %+v, %v", m, in, instructionErr)
			}
		case *iso20022.CancellationRequest:
			if cancellationErr != nil || !reflect.DeepEqual(m, c) {
				t.Fatalf("Parse gives %+v, ParseCancellationRequest %+v, %v", m, c, cancellationErr)
			}
		}
	})
}

// FuzzFieldsOfAnInstruction puts text, markup included, where an instruction
// says something: mutating whole messages rarely gets that far.
func FuzzFieldsOfAnInstruction(f *testing.F) {
	f.Add("A-1", "100", "19000.00", "USD", "<Dt>2026-11-24</Dt>", "US0378331005", "DTCYUS33", "<Cd>AFTE</Cd>", "true", "<Cd>TRAD</Cd>")
	f.Add("&#13;", "+.5", "5.", "EUR", "<DtTm>2026-11-24T23:59:59.999-12:00</DtTm>", "XS0000000009", "AAAABBCC123", "<Prtry/>", " 0\n", "<Prtry/>")
	f.Add("<![CDATA[<]]>", "-0", "1e1", "", "<Dt>0000-01-01</Dt>", "", "", "", "", "")
	f.Add("é", "123456789012345678", "0.00001", "USDC", "<Dt>9999-12-31</Dt>", "us0378331005", "x", "<Cd>INFO</Cd><Cd/>", "1", "<Cd>A</Cd>")
	template, err := os.ReadFile("testdata/instruction_dvp.xml")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, reference, quantity, amount, currency, date, isin, bic, position, hold, kind string) {
		data := strings.NewReplacer(
			"A-1", reference, ">100<", ">"+quantity+"<", "19000.00", amount, `"USD"`, `"`+currency+`"`, "<Dt>2026-11-24</Dt>", date,
			"US0378331005", isin, "DTCYUS33", bic, "<Cd>AFTE</Cd>", position, ">true<", ">"+hold+"<", "<Cd>TRAD</Cd>", kind,
		).Replace(string(template))
		in, err := iso20022.ParseInstruction([]byte(data))
		if err != nil {
			sound(t, err)
			return
		}
		again := rewrittenInstruction(t, in)
		if in.Type == "" {
			in.Type = "TRAD"
		}
		in.Ignored = again.Ignored
		if !reflect.DeepEqual(in, again) {
			t.Fatalf("%+v became %+v", in, again)
		}
	})
}
