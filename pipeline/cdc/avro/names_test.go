package avro

import "testing"

func TestAvroUnicodeNamesAreEncodedAsDebeziumDoes(t *testing.T) {
	for name, want := range map[string]string{"first_name": "first_u005fname", "größe": "gr_u00f6_u00dfe", "a.b": "a_u002eb",
		"ő": "_u151", "\t": "_u009", "1st": "_u0031st", "a1": "a1", "😀": "_ud83d_ude00"} {
		if got := avroUnicode(name); got != want {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
}
