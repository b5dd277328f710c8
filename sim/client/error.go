package client

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// Error is what the custodian answers where it refuses or fails: its problem
// document, whose Code and Field are stable, for programs to decide by.
//
//	if refusal, ok := errors.AsType[*client.Error](err); ok && refusal.Code == "not_found" {
//
// Of an answer that is no such document (that of a proxy, say) only Status, Title
// and Detail are set.
type Error struct {
	Problem
}

// Error returns the code and the detail in one line, with the field between them
// where there is one.
func (e *Error) Error() string {
	text := e.Detail
	if e.Field != "" {
		text = e.Field + ": " + text
	}
	if e.Code != "" {
		text = e.Code + ": " + text
	}
	return text
}

// readError makes an error of an answer.
func readError(resp *http.Response) error {
	const most = 1 << 20
	e := &Error{}
	data, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if err != nil || json.Unmarshal(data, &e.Problem) != nil || e.Code == "" {
		e.Problem = Problem{
			Title:  http.StatusText(resp.StatusCode),
			Detail: fmt.Sprintf("%s answered %s, and not as a custodian does; is the address right?", resp.Request.URL.Host, resp.Status),
		}
	}
	e.Status = int64(resp.StatusCode)
	return e
}
