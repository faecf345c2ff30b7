package router

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"github.com/tokrelay/tokrelay/pipeline"
)

// quietLog passes on what Watermill says, without what it may quote: a panic's value or a message could hold a row's
// bytes (P3). Its chatter about starting and stopping is debug to us.
type quietLog struct{ log *slog.Logger }

func (l quietLog) Error(msg string, err error, fields watermill.LogFields) {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, pipeline.ErrHeld) {
		return // a chunk whose time is over, or that waits in vain: its rows are read again
	}
	l.log.Error("router: "+firstLine(msg), append(known(fields), "error", safe(msg, err))...)
}

func (l quietLog) Info(msg string, fields watermill.LogFields) {
	l.log.Debug("router: "+msg, known(fields)...)
}
func (l quietLog) Debug(string, watermill.LogFields)                {}
func (l quietLog) Trace(string, watermill.LogFields)                {}
func (l quietLog) With(watermill.LogFields) watermill.LoggerAdapter { return l }

// known keeps the fields that never hold anything of a row. A message's uuid is its chunk's position.
func known(fields watermill.LogFields) []any {
	var args []any
	for _, key := range []string{"handler_name", "topic", "message_uuid"} {
		if v, ok := fields[key]; ok {
			args = append(args, key, v)
		}
	}
	return args
}

// safe is the error's text; of a panic only the type: its value may be anything.
func safe(msg string, err error) string {
	if _, panicked := errors.AsType[middleware.RecoveredPanicError](err); panicked || strings.Contains(msg, "Panic") {
		return fmt.Sprintf("%T", err)
	}
	return err.Error()
}

func firstLine(text string) string {
	for i, c := range text {
		if c == '.' || c == '\n' {
			return text[:i]
		}
	}
	return text
}
