package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/debugger"
	"github.com/tokrelay/tokrelay/pipeline/tracing"
)

// logFlags say how the daemon logs.
type logFlags struct{ level, format string }

func (f *logFlags) add(c *cobra.Command, level string) {
	c.Flags().StringVar(&f.level, "log-level", level, "debug, info, warn or error")
	c.Flags().StringVar(&f.format, "log-format", "json", "json or text")
}

func (f *logFlags) logger(w io.Writer, level *slog.LevelVar) (*slog.Logger, error) {
	if err := level.UnmarshalText([]byte(f.level)); err != nil {
		return nil, usageError{fmt.Errorf("--log-level: must be debug, info, warn or error")}
	}
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: asText}
	switch strings.ToLower(f.format) {
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	}
	return nil, usageError{fmt.Errorf("--log-format: must be json or text")}
}

// asText writes durations as 14.8s, which JSON would write in nanoseconds, and errors as their text, which it takes from none
// that has a way of its own into JSON.
func asText(_ []string, a slog.Attr) slog.Attr {
	switch v := a.Value.Any().(type) {
	case time.Duration:
		if v.Abs() >= time.Second {
			v = v.Round(100 * time.Millisecond)
		}
		a.Value = slog.StringValue(v.String())
	case error:
		a.Value = slog.StringValue(v.Error())
	}
	return a
}

// lastSpans sends the spans that wait, for no longer than a person would.
func lastSpans(t *tracing.Tracer, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if err := t.Close(ctx); err != nil {
		log.Warn("spans are lost", "error", err)
	}
}

func runCommand() *cobra.Command {
	var path string
	var logs logFlags
	c := &cobra.Command{
		Use:   "run",
		Short: "Run the daemon",
		Long: `Run every sync of the configuration until SIGTERM or SIGINT; then finish what is in flight within shutdown.drain. A
second signal ends the process at once. Exit codes: 0 clean, 1 error, 2 bad usage or configuration, 3 drain deadline
missed (the rows come again with the next start).

SIGHUP has the configuration read again: log_level, the limits of connections and files of currencies are taken over, and calls that wait
for a token are tried at once. The log names what else has changed: it counts from the next start on.

OTEL_EXPORTER_OTLP_ENDPOINT turns tracing on; the other OTEL_* variables are obeyed too.`,
		Example: "  tokrelay run -c /etc/tokrelay/tokrelay.yaml",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			heard, ignore := hangups()
			defer ignore()
			level := new(slog.LevelVar)
			log, err := logs.logger(c.ErrOrStderr(), level)
			if err != nil {
				return err
			}
			config, err := loadAloud(c, path)
			if err != nil {
				return err
			}
			tracer, err := tracing.FromEnvironment(c.Context(), tracing.Options{Env: os.Getenv, Version: version, Log: log})
			if err != nil {
				return usageError{err}
			}
			defer lastSpans(tracer, log)
			// Where GOMEMLIMIT does not say, Go's collector keeps to nine tenths of the container's limit.
			if _, err := memlimit.Set(); err != nil {
				log.Debug("the container's limit of memory is not known", "error", err)
			}
			d, err := daemon.New(config, daemon.Options{Log: log, Level: level, Version: version, Commit: commit(), Stored: storedToken, Page: debugger.New, Tracer: tracer})
			if err != nil {
				return err
			}
			defer reloading(c.Context(), heard, d, path, log)()
			return d.Run(c.Context())
		},
	}
	configFlag(c, &path)
	logs.add(c, "info")
	return c
}
