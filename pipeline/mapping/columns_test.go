package mapping

import (
	"slices"
	"testing"
)

func TestAColumnIsOptionalOnlyWhereEveryFieldCanDoWithoutIt(t *testing.T) {
	cols := &Columns{}
	(&Field{Column: "phone", Default: &Constant{Texts: []string{"+1"}}}).Compile("user.phone", cols)
	(&Field{Columns: []string{"email", "billing_email"}}).Compile("user.email", cols)
	(&Field{Column: "amount"}).Compile("properties.value", cols)
	(&Field{Column: "email"}).Compile("user.external_id", cols)
	if got := cols.AnyOfs(); len(got) != 1 || !slices.Equal(got[0], []string{"email", "billing_email"}) {
		t.Errorf("got %v, want that one of the two addresses is there", got)
	}
	names, _ := cols.Wanted()
	want := map[string]bool{"phone": true, "email": false, "billing_email": true, "amount": false}
	for name, optional := range want {
		if got := cols.Optional()[slices.Index(names, name)]; got != optional {
			t.Errorf("%s optional %v, want %v", name, got, optional)
		}
	}
}
