package mapping

import (
	"cmp"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/file"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// unknownFunction is a call of a function that does not exist.
type unknownFunction string

func (f unknownFunction) Error() string { return "unknown function " + string(f) }

// noColumn is a word of SQL or of a programming language that would be read as a column.
type noColumn string

func (w noColumn) Error() string { return string(w) + " would be the name of a column" }

// literals are what other languages write → what is written here. after.NULL is a column all the same.
var literals = map[string]string{"NULL": "nil", "null": "nil", "Null": "nil", "None": "nil", "TRUE": "true", "True": "true", "FALSE": "false", "False": "false"}

// mistake is what people write who know another language.
type mistake struct {
	found *regexp.Regexp // at the place where the parser gives up
	cure  string
}

// lastWord is what was taken for a column where the next word is not understood.
var lastWord = regexp.MustCompile(`[A-Za-z]+ *$`)

var mistakes = []mistake{
	{regexp.MustCompile(`^=`), "write == to compare: status == \"paid\""},
	{regexp.MustCompile(`^(>|<>)`), "write != for unequal"},
	{regexp.MustCompile(`^(&|AND\b|And\b)`), "write && for and"},
	{regexp.MustCompile(`^(\||OR\b|Or\b)`), "write || for or"},
	{regexp.MustCompile(`^(NOT|Not)\b`), "write ! for not: !(status == \"paid\"); for a list: not in"},
	{regexp.MustCompile(`^(?i:is)\b`), "write == nil or != nil for NULL"},
	{regexp.MustCompile(`^(?i:i?like)\b`), "write contains, startsWith, endsWith or matches: status startsWith \"paid\""},
	{regexp.MustCompile(`^IN\b`), "write in, and the list in brackets: status in [\"paid\", \"sent\"]"},
	{regexp.MustCompile(`^(?i:between)\b`), "write both bounds: amount >= 10 && amount <= 20"},
	{regexp.MustCompile(`^(?i:case|when|then|if)\b`), "write condition ? one : other"},
	{regexp.MustCompile(`^,`), "write a list in brackets: status in [\"paid\", \"sent\"]"},
	{regexp.MustCompile(`^;`), "write one expression; ; only follows let name = …"},
	{regexp.MustCompile(`^\)`), "see that each ) has its (, and that something is within"},
	{regexp.MustCompile(`^$`), "something is missing at the end: what to compare with, or a closing parenthesis"},
	{regexp.MustCompile(`^["']`), "see that both sides of the text have an operator or end, and that its quotes match"},
}

// explain says in words what is wrong with an expression, and the cure. It never quotes texts or numbers of the expression.
func explain(text string, err error) (rule, hint string) {
	if f, ok := errors.AsType[unknownFunction](err); ok {
		known := append(slices.Clone(builtin.Names), "now")
		return "not a valid expression: " + err.Error(), cmp.Or(settings.DidYouMean(string(f), known), "there are upper, lower, trim, replace, split, int, float, string, date and others: https://expr-lang.org/docs/language-definition")
	}
	if w, ok := errors.AsType[noColumn](err); ok {
		return "not a valid expression: " + err.Error(), "write " + literals[string(w)]
	}
	if got, ok := strings.CutPrefix(err.Error(), "expected bool, but got "); ok {
		return "not a condition: it gives " + got + ", not true or false", "compare it with something: status == \"paid\""
	}
	e, ok := errors.AsType[*file.Error](err)
	if !ok {
		return "not a valid expression: " + firstLine(err).Error(), ""
	}
	runes := []rune(text)
	at := min(max(e.From, 0), len(runes))
	if strings.HasPrefix(e.Message, "unexpected token EOF") {
		at = len(runes)
	}
	rest := string(runes[at:])
	place := " at character " + strconv.Itoa(at+1)
	if e.Message == "literal not terminated" {
		return "not a valid expression: a quote is opened and not closed before character " + strconv.Itoa(at+1), "close it with the same quote"
	}
	if !strings.HasPrefix(e.Message, "unexpected token") {
		return "not a valid expression: " + e.Message + place, ""
	}
	hint = cureOf(rest)
	if last := lastWord.FindString(string(runes[:at])); hint == "" && last != "" {
		hint = cureOf(last)
	}
	return "not a valid expression: not understood" + place, hint
}

func cureOf(found string) string {
	for _, m := range mistakes {
		if m.found.MatchString(found) {
			return m.cure
		}
	}
	return ""
}
