package sandbox

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// member is a hashed identifier; an MD5 fills the first half.
type member [32]byte

// memberSets are the members of an audience by type of identifier.
type memberSets map[string]map[member]struct{}

func (m memberSets) add(kind string, id member) bool {
	if m[kind] == nil {
		m[kind] = map[member]struct{}{}
	}
	before := len(m[kind])
	m[kind][id] = struct{}{}
	return len(m[kind]) > before
}

func (m memberSets) remove(kind string, id member) bool {
	_, ok := m[kind][id]
	delete(m[kind], id)
	return ok
}

func (m memberSets) clone() memberSets {
	c := memberSets{}
	for kind, set := range m {
		c[kind] = maps.Clone(set)
	}
	return c
}

// total is the number of distinct ids of all types.
func (m memberSets) total() (n int) {
	for _, set := range m {
		n += len(set)
	}
	return n
}

// most is the size of the largest type: the fewest people the ids can stand for.
func (m memberSets) most() (n int) {
	for _, set := range m {
		n = max(n, len(set))
	}
	return n
}

// sizes counts the members by type.
func (m memberSets) sizes() map[string]int {
	n := map[string]int{}
	for kind, set := range m {
		if len(set) > 0 {
			n[kind] = len(set)
		}
	}
	return n
}

// hexes lists the members of each type as sorted lower-case hexadecimal.
func (m memberSets) hexes() map[string][]string {
	lists := map[string][]string{}
	for kind, set := range m {
		if len(set) == 0 {
			continue
		}
		list := make([]string, 0, len(set))
		for id := range set {
			list = append(list, id.hex(kind))
		}
		slices.Sort(list)
		lists[kind] = list
	}
	return lists
}

func (m member) hex(kind string) string {
	if strings.HasSuffix(kind, "MD5") {
		return fmt.Sprintf("%x", m[:16])
	}
	return fmt.Sprintf("%x", m[:])
}
