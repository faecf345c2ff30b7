package settings

import (
	"slices"

	"github.com/goccy/go-yaml/ast"
)

// mapping converts the entries of a map. Its own keys come first and win; a key written twice is a problem.
func (c *converter) mapping(values []*ast.MappingValueNode, path string) *Node {
	n := &Node{kind: Map}
	var merged []Pair
	for _, v := range values {
		line := lineOfNode(v)
		if v.Key.IsMergeKey() {
			merged = append(merged, c.merge(v.Value, path, line)...)
			continue
		}
		c.entry(n, v, path, line)
	}
	for _, pair := range merged {
		if n.child(pair.Key) == nil {
			n.pairs = append(n.pairs, pair)
		}
	}
	return n
}

func (c *converter) entry(n *Node, v *ast.MappingValueNode, path string, line int) {
	key, ok := keyOf(v.Key)
	if !ok {
		c.problem(line, path, "a key must be plain text", "")
		return
	}
	at := join(path, key)
	if i := slices.IndexFunc(n.pairs, func(p Pair) bool { return p.Key == key }); i >= 0 {
		c.problem(line, at, "written twice", "it is on line "+itoa(n.pairs[i].line)+" already")
		return
	}
	n.pairs = append(n.pairs, Pair{Key: key, Value: c.convert(v.Value, at, line), line: line})
}

// merge gives the pairs that << brings: of one map, or of several, the first of which wins.
func (c *converter) merge(from ast.Node, path string, line int) []Pair {
	n := c.value(from, join(path, "<<"), line)
	switch {
	case n.broken:
		return nil
	case n.kind == Map:
		return n.pairs
	case n.kind == List:
		return c.mergeAll(n.items, path, line)
	}
	c.problem(line, join(path, "<<"), "must be a map or a list of maps", "")
	return nil
}

func (c *converter) mergeAll(items []*Node, path string, line int) []Pair {
	var pairs []Pair
	for _, item := range items {
		if item.kind != Map {
			c.problem(line, join(path, "<<"), "must be a map or a list of maps", "")
		}
		pairs = append(pairs, item.pairs...)
	}
	return pairs
}

// keyOf reads keys as text, whatever YAML takes them for: 1 and true are names here.
func keyOf(key ast.MapKeyNode) (string, bool) {
	switch key := key.(type) {
	case *ast.StringNode:
		return key.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
		return key.GetToken().Value, true
	}
	return "", false
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
