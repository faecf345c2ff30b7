package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// faultJSON is a Fault as the admin view reads and writes it, durations as text.
type faultJSON struct {
	Name        string  `json:"name,omitempty"`
	Endpoint    string  `json:"endpoint,omitempty"`
	Stage       Stage   `json:"stage,omitempty"`
	Skip        int     `json:"skip,omitempty"`
	Every       int     `json:"every,omitempty"`
	Count       int     `json:"count,omitempty"`
	Probability float64 `json:"probability,omitempty"`
	Seed        uint64  `json:"seed,omitempty"`
	ID          string  `json:"id,omitempty"`
	IDPrefix    string  `json:"id_prefix,omitempty"`
	Delay       string  `json:"delay,omitempty"`
	Timeout     bool    `json:"timeout,omitempty"`
	Reset       bool    `json:"reset,omitempty"`
	HTTPStatus  int     `json:"http_status,omitempty"`
	Body        string  `json:"body,omitempty"`
	Code        int     `json:"code,omitempty"`
	Message     string  `json:"message,omitempty"`
	RowIndex    *int    `json:"row_index,omitempty"`
}

// MarshalJSON writes the fault as POST /sandbox/faults takes it.
func (f Fault) MarshalJSON() ([]byte, error) {
	j := faultJSON{
		f.Name, f.Endpoint, f.Stage, f.Skip, f.Every, f.Count, f.Probability, f.Seed, f.ID, f.IDPrefix, "",
		f.Timeout, f.Reset, f.HTTPStatus, f.Body, f.Code, f.Message, f.RowIndex,
	}
	if f.Delay != 0 {
		j.Delay = f.Delay.String()
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads a fault as GET /sandbox/faults shows it.
func (f *Fault) UnmarshalJSON(b []byte) (err error) {
	var j faultJSON
	if err = json.Unmarshal(b, &j); err == nil {
		*f, err = j.fault()
	}
	return err
}

// fault is the fault that was written; stages and durations must be valid.
func (j faultJSON) fault() (Fault, error) {
	if !slices.Contains([]Stage{"", BeforeEffect, AfterEffect}, j.Stage) {
		return Fault{}, fmt.Errorf("add fault: stage must be %q or %q", BeforeEffect, AfterEffect)
	}
	var delay time.Duration
	if j.Delay != "" {
		var err error
		if delay, err = time.ParseDuration(j.Delay); err != nil {
			return Fault{}, errors.New("add fault: delay must be a duration such as 500ms")
		}
	}
	return Fault{
		j.Name, j.Endpoint, j.Stage, j.Skip, j.Every, j.Count, j.Probability, j.Seed, j.ID, j.IDPrefix, delay,
		j.Timeout, j.Reset, j.HTTPStatus, j.Body, j.Code, j.Message, j.RowIndex,
	}, nil
}
