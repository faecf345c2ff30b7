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
func (l Lookup) expand(raw string) (text string, substituted bool, problem *expandError) {
	var b strings.Builder
	for rest := raw; rest != ""; {
		i := strings.IndexByte(rest, '$')
		if i < 0 || i == len(rest)-1 {
			b.WriteString(rest)
			break
		}
		b.WriteString(rest[:i])
		rest = rest[i:]
		switch rest[1] {
		case '$':
			b.WriteByte('$')
			rest = rest[2:]
		case '{':
			var value string
			value, rest, problem = l.reference(rest)
			if problem != nil {
				return "", true, problem
			}
			substituted = true
			b.WriteString(value)
		default:
			b.WriteByte('$')
			rest = rest[1:]
		}
	}
	return b.String(), substituted, nil
}

// reference replaces the ${…} that text starts with, and gives what follows it.
func (l Lookup) reference(text string) (value, rest string, problem *expandError) {
	end := strings.IndexByte(text, '}')
	if end < 0 {
		return "", "", &expandError{"${ has no closing }", "write $$ for a dollar sign"}
	}
	inner, rest := text[2:end], text[end+1:]
	if path, ok := strings.CutPrefix(inner, "file:"); ok {
		value, problem = l.file(path)
		return value, rest, problem
	}
	name, fallback, hasDefault := strings.Cut(inner, ":-")
	if !isName(name) {
		return "", "", &expandError{"${…} must hold VAR, VAR:-default or file:PATH", "write $$ for a dollar sign"}
	}
	if v, ok := l.variable(name); ok && (v != "" || !hasDefault) {
		return v, rest, nil
	}
	if hasDefault {
		return fallback, rest, nil
	}
	return "", "", &expandError{"the environment variable " + name + " is not set", "set it, or write ${" + name + ":-default}"}
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
