package member

// Kind is a type of identifier. Its number, plus one, is in stored member state: never reorder.
type Kind int

// Kinds is how many there are.
const Kinds = len(kinds)

var kinds = [...]struct {
	name string
	size int
}{
	{"EMAIL_SHA256", 32},
	{"PHONE_SHA256", 32},
	{"IDFA_SHA256", 32},
	{"IDFA_MD5", 16},
	{"GAID_SHA256", 32},
	{"GAID_MD5", 16},
}

// Name is the kind in the words of the configuration.
func (k Kind) Name() string { return kinds[k].name }

// Size is how many bytes its digest has.
func (k Kind) Size() int { return kinds[k].size }
