package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"
)

// shy is an error that JSON would show as its fields.
type shy struct{ Hidden int }

func (shy) Error() string                { return "it did not work" }
func (shy) MarshalJSON() ([]byte, error) { return []byte("{}"), nil }

func TestTheLogHasDurationsAndErrorsAsAPersonReadsThem(t *testing.T) {
	for _, c := range []struct {
		value any
		want  string
	}{
		{14824 * time.Millisecond, "14.8s"},
		{3 * time.Millisecond, "3ms"},
		{90 * time.Minute, "1h30m0s"},
		{shy{}, "it did not work"},
		{errors.Join(errors.New("one"), shy{}), "one\nit did not work"},
	} {
		var out bytes.Buffer
		log, err := (&logFlags{level: "info", format: "json"}).logger(&out, new(slog.LevelVar))
		if err != nil {
			t.Fatal(err)
		}
		log.Info("x", "v", c.value)
		var line struct{ V any }
		if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.V != c.want {
			t.Errorf("%#v: got %v, %v, want %q", c.value, line.V, err, c.want)
		}
	}
}
