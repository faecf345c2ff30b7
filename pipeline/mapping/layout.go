package mapping

import (
	"fmt"
	"strings"
)

// strftime's letters and Java's, and what Go calls them.
var (
	percentLetters = map[byte]string{'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'e': "_2", 'H': "15", 'I': "03", 'M': "04",
		'S': "05", 'f': "000000", 'p': "PM", 'z': "-0700", 'Z': "MST", 'b': "Jan", 'B': "January", 'a': "Mon", 'A': "Monday",
		'j': "002", 'F': "2006-01-02", 'T': "15:04:05", '%': "%"}
	patternWords = map[string]string{"yyyy": "2006", "yy": "06", "MMMM": "January", "MMM": "Jan", "MM": "01", "M": "1", "dd": "02",
		"d": "2", "HH": "15", "H": "15", "hh": "03", "h": "3", "mm": "04", "m": "4", "ss": "05", "s": "5", "a": "PM",
		"S": "0", "SS": "00", "SSS": "000", "SSSSSS": "000000", "SSSSSSSSS": "000000000",
		"X": "Z07", "XX": "Z0700", "XXX": "Z07:00", "Z": "-0700", "z": "MST", "EEE": "Mon", "EEEE": "Monday"}
)

// layoutOf turns `format` into Go's: %Y-%m-%d as strftime has it, yyyy-MM-dd as Java has it, or Go's own 2006-01-02.
func layoutOf(format string) (string, error) {
	switch {
	case strings.Contains(format, "%"):
		return fromPercent(format)
	case strings.Contains(format, "2006") || strings.Contains(format, "06"):
		return format, nil
	}
	return fromPattern(format)
}

// setLayout sets the layout of a format that Validate has passed.
func (c *conversion) setLayout(format string) {
	c.format = format
	c.layout, _ = layoutOf(format)
	c.named = strings.Contains(c.layout, "MST") && !strings.Contains(c.layout, "-07") && !strings.Contains(c.layout, "Z07")
}

func fromPercent(format string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b.WriteByte(format[i])
			continue
		}
		i++
		if i == len(format) || percentLetters[format[i]] == "" {
			return "", fmt.Errorf("unknown letter after %% at position %d", i)
		}
		b.WriteString(percentLetters[format[i]])
	}
	return b.String(), nil
}

func fromPattern(format string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(format); {
		if format[i] == '\'' {
			quoted, _, _ := strings.Cut(format[i+1:], "'")
			b.WriteString(quoted)
			i += len(quoted) + 2
			continue
		}
		run := 1
		for i+run < len(format) && format[i+run] == format[i] {
			run++
		}
		word := format[i : i+run]
		switch layout, known := patternWords[word]; {
		case known:
			b.WriteString(layout)
		case isLetter(format[i]) && word != "T":
			return "", fmt.Errorf("unknown letters %q", word)
		default:
			b.WriteString(word)
		}
		i += run
	}
	return b.String(), nil
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
