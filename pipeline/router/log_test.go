package router

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
)

func TestAnErrorIsLoggedByItsTextAndAPanicByItsTypeAlone(t *testing.T) {
	joined := errors.Join(errors.New("write letters"), errors.New("no leader"))
	for name, c := range map[string]struct {
		msg       string
		err       error
		has, lack string
	}{
		"errors joined":                 {"Handler returned error", joined, "write letters\\nno leader", "joinError"},
		"a panic that a step caught":    {"Handler returned error", middleware.RecoveredPanicError{V: "jane@example.com"}, "RecoveredPanicError", "jane"},
		"a panic that Watermill caught": {"Panic recovered in handler. Stack: goroutine 7", errors.New("jane@example.com"), "errorString", "jane"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			quietLog{slog.New(slog.NewJSONHandler(&out, nil))}.Error(c.msg, c.err, nil)
			if line := out.String(); !strings.Contains(line, c.has) || strings.Contains(line, c.lack) {
				t.Errorf("got %s, want a line with %q and without %q", line, c.has, c.lack)
			}
		})
	}
}
