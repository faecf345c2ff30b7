package settings

import (
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"
)

const redacted = "[redacted]"

// Secret is a password, token or key. It prints as [redacted] whatever the verb or encoder; Reveal gives it to the one
// place that needs it. A secret written into the file itself, rather than as ${…}, gets a warning.
type Secret string

// Reveal is the secret itself.
func (s Secret) Reveal() string { return string(s) }

func (s Secret) String() string               { return redacted }
func (s Secret) GoString() string             { return redacted }
func (s Secret) Format(f fmt.State, _ rune)   { fmt.Fprint(f, redacted) }
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }

func (s *Secret) DecodeNode(n *Node, at Place) {
	if n.Kind() == Null {
		return
	}
	text, ok := n.textFor(at)
	if !ok {
		return
	}
	if text == "" {
		at.Problem("must not be empty", "set the variable or file it is taken from, or leave the key out")
	}
	if variable := strings.TrimPrefix(text, "$"); !n.substituted && variable != text && isName(variable) {
		at.Warn("a dollar sign stands for itself", "write ${"+variable+"} for the variable")
	}
	*s = Secret(text)
	if text != "" && !n.substituted {
		at.Warn("a secret is written into the file", "take it from ${VAR} or ${file:PATH}")
	}
}

// Duration is a time span with its unit: 30s, 1h30m, 28d.
type Duration time.Duration

const durationRule = "must be a duration like 500ms, 30s, 5m, 12h or 28d"

// Std is the span as the standard library knows it.
func (d Duration) Std() time.Duration { return time.Duration(d) }

func (d Duration) String() string {
	const day = 24 * time.Hour
	if std := time.Duration(d); std >= day && std%day == 0 {
		return strconv.FormatInt(int64(std/day), 10) + "d"
	}
	s := time.Duration(d).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-2]
		}
	}
	return s
}

func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func (d *Duration) DecodeNode(n *Node, at Place) {
	if n.Kind() == Null {
		return
	}
	parsed, ok := ParseDuration(n.text)
	if !n.isScalar() || !ok {
		at.Problem(durationRule, "")
		return
	}
	*d = Duration(parsed)
}

func (n *Node) isScalar() bool { return n.kind == String || n.kind == Int || n.kind == Float }

// ParseDuration adds days, in front, to what Go reads, and has no negative ones.
func ParseDuration(s string) (time.Duration, bool) {
	const day = 24 * time.Hour
	var whole time.Duration
	if days, rest, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 32)
		if err != nil || n > uint64(math.MaxInt64/day)-1 {
			return 0, false
		}
		whole, s = time.Duration(n)*day, rest
		if s == "" {
			return whole, true
		}
	}
	part, err := time.ParseDuration(s)
	if err != nil || part < 0 || part > math.MaxInt64-whole {
		return 0, false
	}
	return whole + part, true
}

// Size is a number of bytes: 512, 64KiB, 16MiB, 1.5GB.
type Size int64

var sizeUnits = []struct {
	name  string
	bytes float64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3}, {"B", 1}, {"", 1},
}

func (s Size) String() string {
	for _, u := range sizeUnits[:4] {
		if bytes := int64(u.bytes); s >= Size(bytes) && int64(s)%bytes == 0 {
			return strconv.FormatInt(int64(s)/bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func (s *Size) DecodeNode(n *Node, at Place) {
	if n.Kind() == Null {
		return
	}
	parsed, ok := parseSize(n.text)
	if !n.isScalar() || !ok {
		at.Problem("must be a size in bytes like 64KiB, 16MiB or 1GB", "")
		return
	}
	*s = parsed
}

func parseSize(s string) (Size, bool) {
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		bytes, ok := parseDecimal(strings.TrimSuffix(digits, " "))
		bytes *= u.bytes
		return Size(bytes), ok && bytes < math.MaxInt64 && bytes == math.Trunc(bytes)
	}
	return 0, false
}

// Percent is a share from 0 to 1, written as 0% to 100%.
type Percent float64

func (p Percent) String() string {
	return strconv.FormatFloat(math.Round(float64(p)*1e10)/1e8, 'f', -1, 64) + "%"
}

func (p Percent) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

func (p *Percent) DecodeNode(n *Node, at Place) {
	if n.Kind() == Null {
		return
	}
	digits, hasSign := strings.CutSuffix(n.text, "%")
	f, ok := parseDecimal(strings.TrimSuffix(digits, " "))
	if !n.isScalar() || !ok || !hasSign && f != 0 || f > 100 {
		at.Problem("must be a share between 0% and 100%", "write the % sign")
		return
	}
	*p = Percent(f / 100)
}

// parseDecimal reads digits with at most one point, and nothing else that Go would take for a number.
func parseDecimal(s string) (float64, bool) {
	if s == "" || strings.Trim(s, "0123456789.") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}
