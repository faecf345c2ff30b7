package settings

import (
	"slices"

	"go.yaml.in/yaml/v4"
)

// mapping converts the entries of a map. Its own keys come first and win; a key written twice is a problem.
func (c *converter) mapping(content []*yaml.Node, path string) *Node {
	n := &Node{kind: Map}
	var merged []Pair
	for entry := range slices.Chunk(content, 2) {
		key, value := entry[0], entry[1]
		if key.ShortTag() == "!!merge" {
			merged = append(merged, c.merge(value, path, key.Line)...)
			continue
		}
		c.entry(n, key, value, path)
	}
	for _, pair := range merged {
		if n.child(pair.Key) == nil {
			n.pairs = append(n.pairs, pair)
		}
	}
	return n
}

// entry adds one pair. Keys are read as text, whatever YAML takes them for: 1 and true are names here.
func (c *converter) entry(n *Node, key, value *yaml.Node, path string) {
	if key.Kind != yaml.ScalarNode {
		c.problem(key.Line, path, "a key must be plain text", "")
		return
	}
	at := join(path, key.Value)
	if i := slices.IndexFunc(n.pairs, func(p Pair) bool { return p.Key == key.Value }); i >= 0 {
		c.problem(key.Line, at, "written twice", "it is on line "+itoa(n.pairs[i].line)+" already")
		return
	}
	n.pairs = append(n.pairs, Pair{Key: key.Value, Value: c.convert(value, at, key.Line), line: key.Line})
}

// merge gives the pairs that << brings: of one map, or of several, the first of which wins.
func (c *converter) merge(from *yaml.Node, path string, line int) []Pair {
	n := c.convert(from, join(path, "<<"), line)
	if n.broken || n.kind == Map {
		return n.pairs
	}
	var pairs []Pair
	for _, item := range n.items {
		pairs = append(pairs, item.pairs...)
	}
	isMap := func(item *Node) bool { return item.broken || item.kind == Map }
	if n.kind != List || !all(n.items, isMap) {
		c.problem(line, join(path, "<<"), "must be a map or a list of maps", "")
	}
	return pairs
}

func all(items []*Node, is func(*Node) bool) bool {
	return !slices.ContainsFunc(items, func(n *Node) bool { return !is(n) })
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
