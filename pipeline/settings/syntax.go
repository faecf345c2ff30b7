package settings

import (
	"bytes"
	"errors"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// unreadable says where a text stops being YAML, why, and what to do. It quotes none of the text's values: there may be a secret
// in them.
func unreadable(text []byte, err error) Problem {
	p := Problem{Rule: "not valid YAML: " + errParser.Error()}
	e, ok := errors.AsType[*yaml.LoadError](err)
	if !ok {
		return p
	}
	lines := strings.Split(string(bytes.TrimRight(text, "\r\n")), "\n")
	at := position{e.Mark.Line, e.Mark.Column}
	words := wordsOf(e)
	if words.begins && e.ContextMark.Line > 0 {
		at = position{e.ContextMark.Line, e.ContextMark.Column}
	}
	if quote := openQuote(lines, at.line); quote.line > 0 {
		at, words = quote, openQuoteWords
	}
	p.Rule, p.Hint = "not valid YAML: "+words.rule, words.hint
	if p.Line, p.Column = at.line, at.column; p.Line > len(lines) { // what is missing at the end is said to be one line behind it
		p.Line, p.Column = len(lines), 1+len(strings.TrimRight(lines[len(lines)-1], "\r"))
	}
	p.excerpt = excerpt(lines, p)
	return p
}

// syntax is one of the parser's errors in other words.
type syntax struct {
	context, message string // what the parser's begin with
	begins           bool   // the place is where the construct begins, not where the parser gave up
	rule, hint       string
}

var openQuoteWords = syntax{rule: "a quote is opened here and not closed", hint: "close it with the same quote"}

var syntaxes = []syntax{
	{"while scanning a quoted scalar", "found unexpected", true, openQuoteWords.rule, openQuoteWords.hint},
	{"while parsing a flow sequence", "did not find", true, "a [ is opened here and not closed", "close it with ], and put commas between the elements"},
	{"while parsing a flow mapping", "did not find", true, "a { is opened here and not closed", "close it with }, and put commas between the pairs"},
	{"while parsing a flow node", "did not find", true, "a [ or { is opened here and not closed", "close it with ] or }"},
	{"", "found a tab", false, "a tab indents this line", "indent with spaces"},
	{"", "found character that cannot start", false, "a tab, @, ` or % starts a value or indents it", "indent with spaces, put such text in quotes"},
	{"", "unknown anchor", false, "an alias (*name) has no anchor (&name) above it", "write &name before the value that it repeats; text that starts with * needs quotes"},
	{"", "mapping values are not allowed", false, "a key is not expected here", "indent the keys of one map alike; put text with a colon and a space in quotes"},
	{"while scanning a simple key", "could not find expected ':'", true, "a key has no colon and space behind it", "write key: value; a list's elements begin with a dash and a space"},
	{"while parsing a block mapping", "did not find expected key", false, "this line is indented otherwise than the keys above it", "indent the keys of one map alike"},
	{"while parsing a block collection", "did not find expected '-'", false, "this line is indented otherwise than the list above it", "indent it as the lines above, or begin it with a dash"},
}

func wordsOf(e *yaml.LoadError) syntax {
	for _, s := range syntaxes {
		if strings.HasPrefix(e.ContextMsg, s.context) && strings.HasPrefix(e.Message, s.message) {
			return s
		}
	}
	words, _, _ := strings.Cut(e.Message, " `") // what follows may be quoted of the text
	if e.ContextMsg != "" {
		words = e.ContextMsg + ": " + words
	}
	return syntax{rule: words}
}

// valueQuote is a value that begins with a quote: what is before it holds keys alone.
var valueQuote = regexp.MustCompile(`^[\s-]*(?:[\w.]+:\s+)?(["'])`)

// openQuote finds a quote that opens a value and is not closed in its line, the last one up to a line. Where the parser gives up
// it has closed at the next quote, lines below.
func openQuote(lines []string, upTo int) position {
	for i := min(upTo, len(lines)) - 1; i >= 0; i-- {
		if at := valueQuote.FindStringSubmatchIndex(lines[i]); at != nil && !strings.Contains(lines[i][at[3]:], lines[i][at[2]:at[3]]) {
			return position{i + 1, at[2] + 1}
		}
	}
	return position{}
}

// keyAlone is the beginning of a line that has no value in it yet.
var keyAlone = regexp.MustCompile(`^[\s-]*(?:[\w.]+:\s+)?$`)

// excerpt shows the place in its line, without the values there.
func excerpt(lines []string, p Problem) string {
	line := strings.TrimRight(lines[p.Line-1], "\r")
	before := line[:min(p.Column-1, len(line))]
	if p.Column > len(line) || !keyAlone.MatchString(before) {
		return ""
	}
	shown := before
	if mark := line[len(before)]; strings.IndexByte(`"'[{`, mark) >= 0 {
		shown += string(mark) + "…"
	} else if key, _, ok := strings.Cut(line[len(before):], ": "); ok && !strings.Contains(before, ":") {
		shown += key + ": …"
	} else {
		return ""
	}
	shown = strings.ReplaceAll(shown, "\t", " ")
	return "  | " + shown + "\n  | " + strings.Repeat(" ", len(before)) + "^"
}
