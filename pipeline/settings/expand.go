package settings

import (
	"os"
	"strconv"
	"strings"
)

// Lookup is where ${…} is looked up. Its zero value knows nothing.
type Lookup struct {
	Env  func(name string) (string, bool)
	File func(path string) ([]byte, error)

	// Absent is told of variables that are not set, which are then no problem: text reads 0 for them, and a number, a
	// duration or a bool keeps its default. Nil: they are a problem.
	Absent func(name string)
}

// Process looks up in the environment and the files of this process.
func Process() Lookup { return Lookup{Env: os.LookupEnv, File: os.ReadFile} }

// Vars looks up in a map, and knows no files: for tests and examples.
func Vars(vars map[string]string) Lookup {
	return Lookup{Env: func(name string) (string, bool) { v, ok := vars[name]; return v, ok }}
}

// expandError is a reference that cannot be replaced. It names the variable or file, never what is in it.
type expandError struct{ rule, hint string }

// expand replaces ${VAR}, ${VAR:-default}, ${file:PATH} and $$. A dollar sign before anything else stands for itself.
// What was put in is not looked at again.
func (l Lookup) expand(raw string) (text string, substituted bool, problem *expandError) {
	var b strings.Builder
	for rest := raw; ; {
		before, after, more := strings.Cut(rest, "$")
		b.WriteString(before)
		switch {
		case !more:
			return b.String(), substituted, nil
		case strings.HasPrefix(after, "{"):
			value, left, problem := l.reference(after[1:])
			if problem != nil {
				return "", true, problem
			}
			b.WriteString(value)
			rest, substituted = left, true
		default:
			b.WriteByte('$')
			rest = strings.TrimPrefix(after, "$")
		}
	}
}

// reference replaces the reference whose ${ came before the text, and gives what follows its }.
func (l Lookup) reference(text string) (value, rest string, problem *expandError) {
	inner, rest, closed := strings.Cut(text, "}")
	if !closed {
		return "", "", &expandError{"${ has no closing }", "write $$ for a dollar sign"}
	}
	if path, ok := strings.CutPrefix(inner, "file:"); ok {
		value, problem = l.file(path)
		return value, rest, problem
	}
	value, problem = l.variableOr(inner)
	return value, rest, problem
}

// variableOr is the value of VAR, or of VAR:-default when the variable is not set or empty.
func (l Lookup) variableOr(inner string) (string, *expandError) {
	name, fallback, hasDefault := strings.Cut(inner, ":-")
	if !isName(name) {
		return "", &expandError{"${…} must hold VAR, VAR:-default or file:PATH", "write $$ for a dollar sign"}
	}
	if v, ok := l.variable(name); ok && (v != "" || !hasDefault) {
		return v, nil
	}
	if hasDefault {
		return fallback, nil
	}
	if l.Absent != nil {
		l.Absent(name)
		return "0", nil
	}
	return "", &expandError{"the environment variable " + name + " is not set", "set it, or write ${" + name + ":-default}"}
}

func (l Lookup) variable(name string) (string, bool) {
	if l.Env == nil {
		return "", false
	}
	return l.Env(name)
}

// file reads a whole file without its last newline, which editors and `echo` add.
func (l Lookup) file(path string) (string, *expandError) {
	if l.File == nil {
		return "", &expandError{"${file:…} is not read here", ""}
	}
	content, err := l.File(path)
	if err != nil {
		return "", &expandError{"read the file of ${file:…}: " + err.Error(), "check path and permissions"}
	}
	return trimNewline(string(content)), nil
}

func trimNewline(s string) string {
	return strings.TrimSuffix(strings.TrimSuffix(s, "\n"), "\r")
}

func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

func itoa(n int) string { return strconv.Itoa(n) }
