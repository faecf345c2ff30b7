package pipeline

import "testing"

func TestListsOfAnArenaKeepTheirElementsUntilReset(t *testing.T) {
	var a Arena
	var lists []Value
	for n := range 100 {
		list, elements := a.List(n % 7)
		for i := range elements {
			elements[i] = IntValue(int64(n*10 + i))
		}
		lists = append(lists, list)
	}
	for n, list := range lists {
		if got := len(list.Elems()); got != n%7 {
			t.Fatalf("list %d: got %d elements, want %d", n, got, n%7)
		}
		for i, e := range list.Elems() {
			if e.Int() != int64(n*10+i) {
				t.Errorf("list %d: got %d as element %d, want %d", n, e.Int(), i, n*10+i)
			}
		}
	}
}

func TestAnArenaIsUsedAgainAndLetsGoOfAHugeRow(t *testing.T) {
	var a Arena
	a.List(10)
	a.Reset()
	if got := testing.AllocsPerRun(10, func() { a.Reset(); a.List(10) }); got != 0 {
		t.Errorf("got %v allocations, want 0", got)
	}
	a.List(2 * maxArena)
	if a.Reset(); cap(a.values) != 0 {
		t.Errorf("got room for %d elements after a huge row, want none", cap(a.values))
	}
}
