// Package calendar knows business days: when an exchange, a payment system or
// a bond market is open, closed for a holiday, or closes early.
//
// [Lookup] finds a [Calendar] by name; [Names] lists them. A calendar answers
// for a [Date] whether it is a business day ([Calendar.Business]), when that day
// ends ([Calendar.Close]) and which business day comes next or so many days
// later ([Calendar.Next], [Calendar.Add], [Calendar.Adjust]). A [TimeOfDay] on a
// date in a time zone is an instant ([TimeOfDay.On]), with one answer for wall
// times that a change of the clocks skips or repeats.
//
// # Data
//
// Each calendar is one readable file under data, embedded in the program: its
// time zone, weekend, regular closing time, every holiday by date and every
// early close with its time. Beyond the years of a file nothing is known of
// holidays. Callers ask [Calendar.Covers] and refuse other dates; a calendar
// asked all the same goes by weekends alone and never panics.
//
// # Guarantees
//
// Calendars are immutable and safe for concurrent use, and answering allocates
// nothing. The package reads no clock. Time zones come from the system's
// database by [time.LoadLocation] when the first calendar is looked up; programs
// that run where there may be none import time/tzdata, as cmd/custodian does.
package calendar
