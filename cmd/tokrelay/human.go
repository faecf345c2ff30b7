package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
)

// screen is where a command talks to a person. Results go to out, everything else to err, so that results can be piped.
type screen struct {
	in       *bufio.Reader
	out, err io.Writer
	colour   bool // out is a terminal and NO_COLOR is not set
	live     bool // err is a terminal: a line may be drawn over
	asks     bool // in is a terminal: someone can answer
}

func newScreen(c *cobra.Command) *screen {
	s := &screen{in: bufio.NewReader(c.InOrStdin()), out: c.OutOrStdout(), err: c.ErrOrStderr()}
	s.colour = isTerminal(s.out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	s.live, s.asks = isTerminal(s.err), isTerminal(c.InOrStdin())
	return s
}

// warnings is the log of what a command uses: its warnings go to standard error.
func warnings(c *cobra.Command) *slog.Logger {
	return slog.New(slog.NewTextHandler(c.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// The colours of a screen.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	bold   = "1"
	dim    = "2"
)

func (s *screen) paint(style, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

func (s *screen) print(format string, a ...any) { fmt.Fprintf(s.out, format, a...) }
func (s *screen) note(format string, a ...any)  { fmt.Fprintf(s.err, format, a...) }

// json prints v as JSON over several lines, line on one.
func (s *screen) json(v any) error { return s.encode(v, "  ") }
func (s *screen) line(v any) error { return s.encode(v, "") }

func (s *screen) encode(v any, indent string) error {
	out := json.NewEncoder(s.out)
	out.SetIndent("", indent)
	out.SetEscapeHTML(false)
	if err := out.Encode(v); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	return nil
}

// confirm asks before something is changed. Without a terminal only --yes answers.
func (s *screen) confirm(question string, yes bool) error {
	if yes {
		return nil
	}
	if !s.asks {
		return usageError{errors.New("not confirmed, and there is no terminal to ask: nothing was done; give --yes to go ahead")}
	}
	s.note("%s [y/N] ", question)
	line, _ := s.in.ReadString('\n') // no answer is no
	if answer := strings.ToLower(strings.TrimSpace(line)); answer != "y" && answer != "yes" {
		return errors.New("not confirmed: nothing was done")
	}
	return nil
}

// progress draws how far long work has come, on terminals alone.
type progress struct {
	screen *screen
	what   string
	begun  time.Time
	drawn  time.Time
}

func (s *screen) progress(what string) *progress {
	return &progress{screen: s, what: what, begun: time.Now()}
}

// show draws at most ten times a second, and nothing of work that is done at once.
func (p *progress) show(done, of int64) {
	now := time.Now()
	if !p.screen.live || now.Sub(p.begun) < 300*time.Millisecond || now.Sub(p.drawn) < 100*time.Millisecond {
		return
	}
	p.drawn = now
	share := min(1, float64(done)/float64(max(of, 1)))
	filled := int(share * 30)
	p.screen.note("\r\x1b[K%s %s%s %3.0f %%  %s of %s, %s/s", p.what, strings.Repeat("█", filled), strings.Repeat("░", 30-filled), 100*share,
		thousands(done), thousands(of), thousands(int64(float64(done)/now.Sub(p.begun).Seconds())))
}

// follow draws until what it returns is called.
func (p *progress) follow(draw func()) (end func()) {
	ended := make(chan struct{})
	var drawing sync.WaitGroup
	drawing.Go(func() {
		for tick := time.NewTicker(100 * time.Millisecond); ; {
			select {
			case <-ended:
				tick.Stop()
				p.end()
				return
			case <-tick.C:
				draw()
			}
		}
	})
	return func() { close(ended); drawing.Wait() }
}

// end takes the line away.
func (p *progress) end() {
	if p.screen.live && !p.drawn.IsZero() {
		p.screen.note("\r\x1b[K")
	}
}

// thousands writes 1234567 as 1,234,567.
func thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// table prints columns that line up; the last column is aligned to the right.
func (s *screen) table(head []string, rows [][]string) {
	widths := make([]int, len(head))
	for _, row := range append([][]string{head}, rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	s.print("%s\n", s.paint(bold, tableLine(head, widths)))
	for _, row := range rows {
		s.print("%s\n", tableLine(row, widths))
	}
}

func tableLine(row []string, widths []int) string {
	var b strings.Builder
	for i, cell := range row {
		gap := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if i == len(row)-1 {
			b.WriteString(gap + cell)
			break
		}
		b.WriteString(cell + gap + "  ")
	}
	return b.String()
}

// when reads a point in time: RFC 3339, a day, yesterday, or how long ago (90m, 24h, 7d).
func when(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly, "2006-01-02T15:04", "2006-01-02 15:04"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	switch today := now.UTC().Truncate(24 * time.Hour); text {
	case "now":
		return now, nil
	case "today":
		return today, nil
	case "yesterday":
		return today.AddDate(0, 0, -1), nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseFloat(days, 64); err == nil && n >= 0 {
			return now.Add(-time.Duration(n * 24 * float64(time.Hour))), nil
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	return time.Time{}, usageError{fmt.Errorf("%s: %q is not a time: give 2026-01-31T12:00:00Z, 2026-01-31, yesterday or today (UTC), or how long ago: 90m, 24h, 7d", flag, text)}
}

// toCopy is a command to copy, for the same configuration.
func toCopy(path, words string) string {
	if path != defaultConfig {
		words += " -c " + path
	}
	return "tokrelay " + words
}

// reach fails quickly, and says what to look at, where Kafka does not answer.
func reach(ctx context.Context, client *admin.Client, kafka kafka.Config, path string) error {
	quick, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if err := client.Ping(quick); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		why, cure := kafka.Explain(err)
		if why == "" {
			why, cure = "is Kafka up, and kafka.brokers right?", "see what it says"
		}
		return fmt.Errorf("%w\nno broker of %v answers: %s\n%s (%s); `%s` looks closer", err, kafka.Brokers, why, cure, path, toCopy(path, "check --online"))
	}
	return nil
}
