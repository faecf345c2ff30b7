package settings

import (
	"slices"

	"go.yaml.in/yaml/v4"
)

// mapping converts the entries of a map. Its own keys come first and win; a key written twice is a problem.
func (c *converter) mapping(content []*yaml.Node, path string) *Node {
	m := mapBuilder{converter: c, node: &Node{kind: Map}, path: path, keys: map[string]position{}}
	var merged []Pair
	for entry := range slices.Chunk(content, 2) {
		key, value := entry[0], entry[1]
		if key.ShortTag() == "!!merge" {
			merged = append(merged, c.merge(value, path, start(key))...)
			continue
		}
		m.add(key, value)
	}
	for _, pair := range merged {
		m.merge(pair)
	}
	return m.node
}

type mapBuilder struct {
	*converter
	node *Node
	path string
	keys map[string]position // so far
}

// add reads one pair. Keys are text, whatever YAML takes them for: 1 and true are names here.
func (m *mapBuilder) add(key, value *yaml.Node) {
	if key.Kind != yaml.ScalarNode {
		m.problem(start(key), m.path, "a key must be plain text", "")
		return
	}
	at := join(m.path, key.Value)
	if first, twice := m.keys[key.Value]; twice {
		m.problem(start(key), at, "written twice", "it is on line "+itoa(first.line)+" already: keep one of them")
		return
	}
	m.keys[key.Value] = start(key)
	m.node.pairs = append(m.node.pairs, Pair{Key: key.Value, Value: m.convert(value, at, start(key))})
}

func (m *mapBuilder) merge(pair Pair) {
	if _, own := m.keys[pair.Key]; !own {
		m.keys[pair.Key] = pair.Value.at
		m.node.pairs = append(m.node.pairs, pair)
	}
}

// merge gives the pairs that << brings: of one map, or of several, the first of which wins.
func (c *converter) merge(from *yaml.Node, path string, at position) []Pair {
	n := c.convert(from, join(path, "<<"), at)
	if n.broken || n.kind == Map {
		return n.pairs
	}
	var pairs []Pair
	for _, item := range n.items {
		pairs = append(pairs, item.pairs...)
	}
	isMap := func(item *Node) bool { return item.broken || item.kind == Map }
	if n.kind != List || !all(n.items, isMap) {
		c.problem(at, join(path, "<<"), "must be a map or a list of maps", "")
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
