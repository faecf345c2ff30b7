package settings

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// converter turns the parser's tree into Nodes: it follows aliases and merge keys, replaces ${…}, and refuses what a
// configuration has no use for.
type converter struct {
	report *Report
	env    Lookup
	done   map[*yaml.Node]*Node // what is at an anchor, once it is complete
	depth  int
}

func (c *converter) problem(at position, path, rule, hint string) {
	c.report.add(at, path, rule, hint, false)
}

// convert makes the Node of one value that is at a path and position.
func (c *converter) convert(from *yaml.Node, path string, at position) *Node {
	c.depth++
	defer func() { c.depth-- }()
	n := &Node{broken: true}
	if c.depth <= maxDepth {
		n = c.value(from, path, at)
	} else {
		c.problem(at, path, "nested deeper than "+itoa(maxDepth)+" levels", "")
	}
	n.at = at
	n.weigh()
	if from != nil && from.Anchor != "" {
		c.done[from] = n
	}
	return c.bounded(n, path)
}

// bounded cuts a value that aliases of aliases have blown up.
func (c *converter) bounded(n *Node, path string) *Node {
	if n.weight <= maxValues {
		return n
	}
	c.problem(n.at, path, "too many values: aliases multiply", "")
	return &Node{at: n.at, weight: 1, broken: true}
}

func (c *converter) value(from *yaml.Node, path string, at position) *Node {
	if from == nil {
		return &Node{kind: Null}
	}
	if from.Style&yaml.TaggedStyle != 0 && !isCoreTag(from.ShortTag()) {
		c.problem(at, path, "YAML tags are not used here", "take out the word that starts with !")
		return &Node{broken: true}
	}
	switch from.Kind {
	case yaml.MappingNode:
		return c.mapping(from.Content, path)
	case yaml.SequenceNode:
		return c.list(from.Content, path)
	case yaml.AliasNode:
		return c.alias(from, path, at)
	}
	return c.scalar(from, path, at)
}

// start is where the parser found the value.
func start(n *yaml.Node) position { return position{n.Line, n.Column} }

func isCoreTag(tag string) bool {
	switch tag {
	case "!!str", "!!int", "!!float", "!!bool", "!!null", "!!map", "!!seq":
		return true
	}
	return false
}

func (c *converter) list(values []*yaml.Node, path string) *Node {
	n := &Node{kind: List}
	for i, value := range values {
		n.items = append(n.items, c.convert(value, path+"["+strconv.Itoa(i)+"]", start(value)))
	}
	return n
}

// alias gives what is at the anchor, as seen from the alias's position. What is inside keeps its own.
func (c *converter) alias(from *yaml.Node, path string, at position) *Node {
	target := c.done[from.Alias]
	if target == nil {
		c.problem(at, path, "the alias is inside its own anchor", "")
		return &Node{broken: true}
	}
	copied := *target
	return &copied
}

func (c *converter) scalar(from *yaml.Node, path string, at position) *Node {
	lower := strings.ToLower(from.Value)
	switch tag := from.ShortTag(); {
	case tag == "!!null":
		return &Node{kind: Null}
	case tag == "!!bool" && (lower == "true" || lower == "false"):
		return &Node{kind: Bool, text: lower}
	case tag == "!!int":
		return &Node{kind: Int, text: from.Value}
	case tag == "!!float":
		return number(from.Value)
	}
	return c.text(from.Value, path, at)
}

// number: the parser takes whole numbers past 64 bits for floats.
func number(text string) *Node {
	if exactInt(text) {
		return &Node{kind: Int, text: text}
	}
	return &Node{kind: Float, text: text}
}

func (c *converter) text(raw, path string, at position) *Node {
	env, absent := c.env, false
	if c.env.Absent != nil {
		env.Absent = func(name string) { absent = true; c.env.Absent(name) }
	}
	text, substituted, err := env.expand(raw)
	if err != nil {
		c.problem(at, path, err.rule, err.hint)
	}
	return &Node{kind: String, text: text, substituted: substituted, absent: absent, broken: err != nil}
}
