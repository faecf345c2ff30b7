package deploy_test

import (
	"fmt"
	"regexp"
	"strings"
)

// An expression is only looked through for names here; promtool parses the rules and, wrapped into rules, the dashboard.
var (
	quoted    = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	grouping  = regexp.MustCompile(`\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)`)
	window    = regexp.MustCompile(`\[[^\]]*\]|\boffset\s+\w+|\$\w+`)
	selector  = regexp.MustCompile(`([a-zA-Z_:][\w:]*)?\s*(?:\{([^}]*)\}|(\())?`)
	labelName = regexp.MustCompile(`([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)`)
	keywords  = labelSet("and", "or", "unless", "bool", "by", "without", "on", "ignoring", "group_left", "group_right", "offset", "Inf", "inf")
)

// metric is a use of a metric in an expression, with the labels it is asked for.
type metric struct {
	name   string
	labels []string
}

// metricsOf lists the metrics of an expression.
func metricsOf(expr string) (used []metric) {
	expr = window.ReplaceAllString(grouping.ReplaceAllString(quoted.ReplaceAllString(expr, ""), " "), " ")
	for _, m := range selector.FindAllStringSubmatch(expr, -1) {
		name, matchers, call := m[1], m[2], m[3] != ""
		if name == "" || call || keywords[name] && name != "job" {
			continue
		}
		u := metric{name: name}
		for _, l := range labelName.FindAllStringSubmatch(matchers, -1) {
			u.labels = append(u.labels, l[1])
		}
		used = append(used, u)
	}
	return used
}

// labelsOf lists the labels an expression groups or joins by.
func labelsOf(expr string) (labels []string) {
	for _, m := range grouping.FindAllStringSubmatch(quoted.ReplaceAllString(expr, `""`), -1) {
		for l := range strings.SplitSeq(m[2], ",") {
			if l = strings.TrimSpace(l); l != "" {
				labels = append(labels, l)
			}
		}
	}
	return labels
}

// unknown says what an expression names that does not exist.
func unknown(expr string, known map[string]map[string]bool) (problems []string) {
	reachable := map[string]bool{}
	used := metricsOf(expr)
	for _, u := range used {
		labels, ok := known[u.name]
		if !ok {
			problems = append(problems, fmt.Sprintf("no metric %s", u.name))
			continue
		}
		for l := range labels {
			reachable[l] = true
		}
		for _, l := range u.labels {
			if !labels[l] {
				problems = append(problems, fmt.Sprintf("%s has no label %s", u.name, l))
			}
		}
	}
	for _, l := range labelsOf(expr) {
		if !reachable[l] {
			problems = append(problems, fmt.Sprintf("grouped by %s, which no metric of it has", l))
		}
	}
	if len(used) == 0 {
		problems = append(problems, "no metric found in it")
	}
	return problems
}
