package mapping

import "slices"

// Columns are the columns a sync reads. A step that needs one asks for its index while the sync is put together; the
// decoder then fills every image in this order. The zero Columns asks for nothing. It is not safe for concurrent use:
// it is complete before the first row.
type Columns struct {
	names    []string
	optional []bool // next to names: no field needs it
	anyOf    [][]string
	old      []string
	all      bool
	leaveOut []string
	suspect  func(column string)
}

// Index is where the column will be in every image; asking adds it.
func (c *Columns) Index(name string) int {
	i := c.IndexOptional(name)
	c.optional[i] = false
	return i
}

// IndexOptional is Index for a column that can be done without: there is another one, or a default.
func (c *Columns) IndexOptional(name string) int {
	if i := slices.Index(c.names, name); i >= 0 {
		return i
	}
	c.names, c.optional = append(c.names, name), append(c.optional, true)
	return len(c.names) - 1
}

// IndexOld is Index for a column that is read from the old row.
func (c *Columns) IndexOld(name string) int {
	if !slices.Contains(c.old, name) {
		c.old = append(c.old, name)
	}
	return c.Index(name)
}

// Old are the columns read from the old row: not every source writes it.
func (c *Columns) Old() []string { return slices.Clone(c.old) }

// Digest asks for every column a row has, in addition to those asked for by name, and makes what hashes them.
func (c *Columns) Digest() Digest {
	c.all = true
	return Digest{leaveOut: c.leaveOut, suspect: c.suspect}
}

// LeaveOut keeps columns out of a Digest made later: they say what happened to a row, not what it is.
func (c *Columns) LeaveOut(columns ...string) { c.leaveOut = append(c.leaveOut, columns...) }

// OnSuspect sets what is called, from any goroutine, with a column that is part of a Digest made later and looks as if each
// load of the row changed it.
func (c *Columns) OnSuspect(call func(column string)) { c.suspect = call }

// Wanted are the columns asked for, and whether all others are wanted too.
func (c *Columns) Wanted() (names []string, all bool) { return slices.Clone(c.names), c.all }

// AnyOf asks that at least one of the columns is there: each may be missing, but not all.
func (c *Columns) AnyOf(names []string) { c.anyOf = append(c.anyOf, slices.Clone(names)) }

// AnyOfs are the lists of columns of which one has to be there.
func (c *Columns) AnyOfs() [][]string { return slices.Clone(c.anyOf) }

// Optional says of each wanted column whether the sync can do without it.
func (c *Columns) Optional() []bool { return slices.Clone(c.optional) }
