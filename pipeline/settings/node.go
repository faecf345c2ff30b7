package settings

// Kind is what a YAML value is, before anyone knows what it should be.
type Kind int

const (
	Null Kind = iota
	Bool
	Int
	Float
	String
	List
	Map
)

// Node is one YAML value with its position: that of its key, or of the element of a list. Aliases and merge keys are
// resolved, ${…} is replaced.
type Node struct {
	kind        Kind
	text        string // scalars, as written and after substitution
	at          position
	items       []*Node
	pairs       []Pair
	substituted bool // ${…} was in it: its text may stand for a number or a bool too
	absent      bool // a variable in it is not set; see Lookup.Absent
	broken      bool // a problem was reported at it while loading
	weight      int  // how many values it stands for, aliases counted each time
}

// Pair is one entry of a map.
type Pair struct {
	Key   string
	Value *Node
}

// Kind says what was written. A scalar with ${…} in it is a String.
func (n *Node) Kind() Kind {
	if n == nil {
		return Null
	}
	return n.kind
}

// position is a place in the text; the zero value is none.
type position struct{ line, column int }

func (n *Node) position() position {
	if n == nil {
		return position{}
	}
	return n.at
}

// Text is the scalar as written, after substitution.
func (n *Node) Text() string { return n.text }

// Items are the elements of a List.
func (n *Node) Items() []*Node { return n.items }

// Pairs are the entries of a Map, in the order of the text, merged ones last.
func (n *Node) Pairs() []Pair { return n.pairs }

func (n *Node) isBroken() bool { return n != nil && n.broken }

func (n *Node) child(key string) *Node {
	if n == nil {
		return nil
	}
	for _, p := range n.pairs {
		if p.Key == key {
			return p.Value
		}
	}
	return nil
}

func (n *Node) item(i int) *Node {
	if n == nil || i < 0 || i >= len(n.items) {
		return nil
	}
	return n.items[i]
}

func (n *Node) weigh() {
	n.weight = 1
	for _, item := range n.items {
		n.weight += item.weight
	}
	for _, pair := range n.pairs {
		n.weight += pair.Value.weight
	}
}
