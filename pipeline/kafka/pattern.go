package kafka

import (
	"fmt"
	"regexp"
	"slices"
)

// wholeName is a regular expression that has to match all of a topic's name.
func wholeName(pattern string) string { return "^(?:" + pattern + ")$" }

func wholeNames(patterns []string) []string {
	whole := make([]string, len(patterns))
	for i, p := range patterns {
		whole[i] = wholeName(p)
	}
	return whole
}

// TopicMatcher compiles a topic pattern, and what does not belong to it, for whole names of topics.
func TopicMatcher(pattern string, exclude []string) (func(string) bool, error) {
	var compiled []*regexp.Regexp
	for _, p := range wholeNames(append([]string{pattern}, exclude...)) {
		re, err := regexp.Compile(p)
		if err != nil {
			return nil, fmt.Errorf("topic pattern: %w", err)
		}
		compiled = append(compiled, re)
	}
	return func(name string) bool {
		excludes := func(re *regexp.Regexp) bool { return re.MatchString(name) }
		return compiled[0].MatchString(name) && !slices.ContainsFunc(compiled[1:], excludes)
	}, nil
}
