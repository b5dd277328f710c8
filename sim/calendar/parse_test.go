package calendar

import (
	"strings"
	"testing"
)

const head = `# A comment.
calendar TEST
title    A test
zone     Europe/London
weekend  Sat Sun
close    16:30
first    2026-01-01
last     2026-12-31
`

func TestParseReadsHeadAndExceptions(t *testing.T) {
	t.Parallel()
	c, err := parse(head + "\n2026-12-24 Thu 12:30  Christmas Eve\r\n2026-12-25\tFri closed Christmas Day\n")
	if err != nil {
		t.Fatal(err)
	}
	eve, day := Date{2026, 12, 24}, Date{2026, 12, 25}
	if early, ok := c.EarlyClose(eve); !ok || early.String() != "12:30" || !c.Business(eve) {
		t.Errorf("%s closes at %s, %v", eve, early, ok)
	}
	if name, ok := c.Holiday(day); !ok || name != "Christmas Day" || c.Business(day) {
		t.Errorf("%s is %q, %v", day, name, ok)
	}
	if c.Name() != "TEST" || c.Location().String() != "Europe/London" || c.weekdays != 5 {
		t.Errorf("head was read as %+v", c)
	}
}

func TestParseSaysWhatIsWrongAndWhere(t *testing.T) {
	t.Parallel()
	without := func(key string) string {
		var b strings.Builder
		for line := range strings.Lines(head) {
			if !strings.HasPrefix(line, key) {
				b.WriteString(line)
			}
		}
		return b.String()
	}
	for name, c := range map[string]struct{ text, want string }{
		"an empty file":               {"", "calendar is missing"},
		"a head without a zone":       {without("zone"), "zone is missing"},
		"a date before the head ends": {without("last") + "2026-12-25 Fri closed Christmas Day\n", "line 8: a date before the head is complete: last is missing"},
		"an unknown key":              {head + "colour red\n", `line 9: unknown key "colour": allowed are calendar,`},
		"a key twice":                 {head + "close 17:00\n", "line 9: close is given twice"},
		"a key without a value":       {without("close") + "close\n", "line 8: close has no value"},
		"a value without end":         {without("title") + "title " + strings.Repeat("x", 101) + "\n", "line 8: title is too long"},
		"a name in lower case":        {without("calendar") + "calendar test\n", `line 8: calendar: "test": a name is one word in upper case`},
		"a name of two words":         {without("calendar") + "calendar A B\n", "one word"},
		"an unknown zone":             {without("zone") + "zone Europe/Lundon\n", "line 8: zone: unknown time zone Europe/Lundon"},
		"the zone of the machine":     {without("zone") + "zone Local\n", `"Local": a zone has a name of the IANA database`},
		"an unknown weekday":          {without("weekend") + "weekend Sat Sunday\n", `"Sunday": days are Mon Tue`},
		"a weekend day twice":         {without("weekend") + "weekend Sat Sat\n", "at most once"},
		"a week of weekends":          {without("weekend") + "weekend Mon Tue Wed Thu Fri Sat Sun\n", "needs a day that is no weekend"},
		"a close that is no time":     {without("close") + "close 4pm\n", "line 8: close: not a time of day"},
		"a first that is no date":     {without("first") + "first 2026\n", "line 8: first: not a date"},
		"a range turned around":       {without("first") + "first 2027-01-01\n", "last 2026-12-31 lies before first 2027-01-01"},
		"a date that does not exist":  {head + "2026-02-29 Sun closed Leap day\n", `line 9: "2026-02-29": not a date`},
		"the wrong weekday":           {head + "2026-12-25 Thu closed Christmas Day\n", `line 9: 2026-12-25 is a Fri, not "Thu"`},
		"no weekday":                  {head + "2026-12-25\n", `is a Fri, not ""`},
		"a date outside the range":    {head + "2027-01-01 Fri closed New Year's Day\n", "line 9: 2027-01-01 lies outside 2026-01-01 to 2026-12-31"},
		"a date twice":                {head + "2026-12-25 Fri closed A\n2026-12-25 Fri closed B\n", "line 10: 2026-12-25 does not come after 2026-12-25"},
		"dates out of order":          {head + "2026-12-25 Fri closed A\n2026-12-24 Thu closed B\n", "line 10: 2026-12-24 does not come after"},
		"a holiday without a name":    {head + "2026-12-25 Fri closed\n", "line 9: 2026-12-25 needs a name"},
		"neither closed nor a time":   {head + "2026-12-25 Fri shut Christmas Day\n", `"shut" is neither "closed" nor an early close`},
		"an early close on a weekend": {head + "2026-12-26 Sat 12:00 Boxing Day\n", "needs to be a weekday and before 16:30"},
		"an early close that is late": {head + "2026-12-24 Thu 16:30 Christmas Eve\n", "line 9: 2026-12-24 cannot close at 16:30"},
		"bytes that are no text":      {head + "\xff", "not valid UTF-8"},
		"a file without end":          {strings.Repeat("#", maxFileBytes+1), "at most 1048576"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := parse(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want %q", err, c.want)
			}
		})
	}
}

// FuzzParse checks that whatever is accepted is a calendar on which business days
// can be counted.
func FuzzParse(f *testing.F) {
	f.Add(head)
	f.Add(head + "2026-12-24 Thu 12:30 Christmas Eve\n2026-12-25 Fri closed Christmas Day\n")
	f.Add(strings.Replace(head, "Sat Sun", "none", 1))
	f.Add("2026-12-25")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parse(text)
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an error without words")
			}
			return
		}
		if c.location == nil || c.weekdays < 1 || c.name == "" || c.last.Before(c.first) {
			t.Fatalf("accepted %+v", c)
		}
		d := c.first
		for range 10 {
			next := c.Next(d)
			if !c.Business(next) || !next.After(d) {
				t.Fatalf("after %s comes %s", d, next)
			}
			d = next
		}
	})
}
