package settings

import (
	"strconv"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// converter turns the parser's tree into Nodes: it follows aliases and merge keys, replaces ${…}, and refuses what a
// configuration has no use for.
type converter struct {
	report  *Report
	env     Lookup
	anchors map[string]*Node
}

func (c *converter) problem(line int, path, rule, hint string) {
	c.report.add(line, path, rule, hint, false)
}

// convert makes the Node of one value that stands at a path and line.
func (c *converter) convert(from ast.Node, path string, line int) *Node {
	n := c.value(from, path, line)
	n.line = line
	n.weigh()
	return c.bounded(n, path)
}

// bounded cuts a value that aliases of aliases have blown up.
func (c *converter) bounded(n *Node, path string) *Node {
	if n.weight <= maxValues {
		return n
	}
	c.problem(n.line, path, "too many values: aliases multiply", "")
	return &Node{line: n.line, weight: 1, broken: true}
}

func (c *converter) value(from ast.Node, path string, line int) *Node {
	switch from := from.(type) {
	case *ast.MappingNode:
		return c.mapping(from.Values, path)
	case *ast.MappingValueNode:
		return c.mapping([]*ast.MappingValueNode{from}, path)
	case *ast.SequenceNode:
		return c.list(from, path)
	case *ast.AnchorNode:
		return c.anchor(from, path, line)
	case *ast.AliasNode:
		return c.alias(from, path, line)
	case *ast.TagNode:
		return c.tagged(from, path, line)
	}
	return c.scalar(from, path, line)
}

func (c *converter) list(from *ast.SequenceNode, path string) *Node {
	n := &Node{kind: List}
	for i, value := range from.Values {
		line := lineOfNode(value)
		if i < len(from.Entries) && from.Entries[i].Start != nil {
			line = from.Entries[i].Start.Position.Line
		}
		n.items = append(n.items, c.convert(value, path+"["+strconv.Itoa(i)+"]", line))
	}
	return n
}

func (c *converter) anchor(from *ast.AnchorNode, path string, line int) *Node {
	n := c.value(from.Value, path, line)
	n.line = line
	c.anchors[nameOf(from.Name)] = n
	copied := *n
	return &copied
}

func (c *converter) alias(from *ast.AliasNode, path string, line int) *Node {
	target := c.anchors[nameOf(from.Value)]
	if target == nil {
		c.problem(line, path, "the alias has no anchor above it", "")
		return &Node{broken: true}
	}
	copied := *target
	return &copied
}

func (c *converter) tagged(from *ast.TagNode, path string, line int) *Node {
	n := c.value(from.Value, path, line)
	switch tag := from.Start.Value; tag {
	case "!!str":
		if n.kind < List {
			n.kind = String
		}
	case "!!map", "!!seq", "!!int", "!!float", "!!bool", "!!null":
	default:
		c.problem(line, path, "YAML tags are not used here", "take out the word that starts with !")
		n.broken = true
	}
	return n
}

func (c *converter) scalar(from ast.Node, path string, line int) *Node {
	switch from := from.(type) {
	case *ast.StringNode:
		return c.text(from.Value, path, line)
	case *ast.LiteralNode:
		return c.text(from.Value.Value, path, line)
	case *ast.IntegerNode:
		return &Node{kind: Int, text: from.Token.Value}
	case *ast.FloatNode:
		return &Node{kind: Float, text: from.Token.Value}
	case *ast.InfinityNode, *ast.NanNode:
		return &Node{kind: Float, text: from.GetToken().Value}
	case *ast.BoolNode:
		return &Node{kind: Bool, text: strconv.FormatBool(from.Value)}
	case *ast.NullNode, nil:
		return &Node{kind: Null}
	}
	c.problem(line, path, "a value is expected here", "")
	return &Node{broken: true}
}

func (c *converter) text(raw, path string, line int) *Node {
	text, substituted, err := c.env.expand(raw)
	if err != nil {
		c.problem(line, path, err.rule, err.hint)
	}
	return &Node{kind: String, text: text, substituted: substituted, broken: err != nil}
}

func nameOf(n ast.Node) string {
	if n == nil || n.GetToken() == nil {
		return ""
	}
	return n.GetToken().Value
}

// lineOfNode is where a value starts; a map starts at its first key, not at its colon.
func lineOfNode(n ast.Node) int {
	switch n := n.(type) {
	case nil:
		return 0
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return lineOfNode(n.Values[0])
		}
	case *ast.MappingValueNode:
		return lineOfToken(n.Key.GetToken())
	}
	return lineOfToken(n.GetToken())
}

func lineOfToken(tk *token.Token) int {
	if tk == nil || tk.Position == nil {
		return 0
	}
	return tk.Position.Line
}
