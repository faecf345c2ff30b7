package identity

import "testing"

// rowPath are the inputs that rows are full of; none may allocate.
var rowPath = []struct{ name, kind, input string }{
	{"email", "email", "Alice.Example@gmail.com"},
	{"email with white space", "email spaces", " alice @example.com "},
	{"email with options", "email plus dots", "al.ice+news@example.com"},
	{"email beyond ASCII", "email", "ÄLICE@MÜLLER.example.DE"},
	{"phone in E.164", "phone", "+12133734253"},
	{"phone with punctuation", "phone", "(+1) 213-373-4253"},
	{"phone without plus in the US", "phone US", "(213) 373-4253"},
	{"external id", "external_id", "customer-000042"},
	{"external id lower-cased", "external_id lower", "Customer-000042"},
	{"device id", "device", "EA7583CD-A667-48BC-B806-42ECB2B48606"},
	{"device id by MD5", "device md5", "EA7583CD-A667-48BC-B806-42ECB2B48606"},
	{"name", "name", "Mary Ann"},
	{"digest", "email", aliceHex},
	{"absent", "email", ""},
	{"rejected", "email", "not an address"},
}

func TestTheRowPathDoesNotAllocate(t *testing.T) {
	for _, row := range rowPath {
		t.Run(row.name, func(t *testing.T) {
			hasher, _ := hasherOf(t, row.kind)
			input, dst := []byte(row.input), make([]byte, 0, 64)
			allocs := testing.AllocsPerRun(200, func() {
				h, _ := hasher.Hash(input)
				dst = h.AppendHex(dst[:0])
			})
			if allocs != 0 {
				t.Errorf("got %v allocations, want none", allocs)
			}
		})
	}
}

func BenchmarkHash(b *testing.B) {
	cases := append(rowPath[:len(rowPath):len(rowPath)],
		struct{ name, kind, input string }{"phone through the library", "phone GB", "020 7946 0958"})
	for _, row := range cases {
		b.Run(row.name, func(b *testing.B) {
			hasher, _ := hasherOf(b, row.kind)
			input, dst := []byte(row.input), make([]byte, 0, 64)
			b.ReportAllocs()
			for b.Loop() {
				h, _ := hasher.Hash(input)
				dst = h.AppendHex(dst[:0])
			}
		})
	}
}

// BenchmarkBareHash is what the hash alone costs: the rest is ours.
func BenchmarkBareHash(b *testing.B) {
	input, dst := []byte("alice.example@gmail.com"), make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		dst = hashOf(SHA256, input).AppendHex(dst[:0])
	}
}
