package member

import (
	"slices"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// readable are the kinds of values Hash reads; a List's elements are read one by one, and of JSON and what is not known
// rows tell.
var readable = []pipeline.Kind{pipeline.Missing, pipeline.String, pipeline.JSON, pipeline.Int, pipeline.Decimal, pipeline.List}

// CheckTypes reports what a schema's columns say of identifiers and rules: expressions that do not fit them, and columns
// that are no identifier whatever they hold.
func CheckTypes(section string, i *Identifiers, r *Rules, k mapping.Kinds, at settings.Place) {
	for n, f := range i.fields() {
		place := at.Key(section).Key(Kind(n).Name())
		if kind := f.CheckTypes(k, place); !slices.Contains(readable, kind) {
			place.Problem("the column's type is "+kind.String()+", which is not an identifier", "every row with a value in it is rejected; see `type`")
		}
	}
	k.CheckTypes(r.MemberWhen, at.Key("member_when"))
}
