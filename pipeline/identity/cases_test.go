package identity

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestEveryCaseInTestdataHolds reads testdata/*.txt; the head of each file says how a line reads.
func TestEveryCaseInTestdataHolds(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txt")
	if len(files) == 0 {
		t.Fatal("no case files")
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { runCases(t, file) })
	}
}

func runCases(t *testing.T, file string) {
	for _, c := range readCases(t, file) {
		t.Run(c.kind+": "+c.name, func(t *testing.T) {
			if got := c.run(t); got != c.want {
				t.Errorf("%s %q:\n got %s\nwant %s", c.kind, c.input, got, c.want)
			}
		})
	}
}

type testCase struct{ kind, input, want, name string }

func readCases(t testing.TB, file string) (cases []testCase) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for n, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		parts := strings.Split(line, " | ")
		if len(parts) != 4 {
			t.Fatalf("%s:%d: want four parts, got %d", file, n+1, len(parts))
		}
		input, err := strconv.Unquote(parts[1])
		if err != nil {
			t.Fatalf("%s:%d: input: %v", file, n+1, err)
		}
		cases = append(cases, testCase{parts[0], input, parts[2], parts[3]})
	}
	return cases
}

// run returns the outcome in the words of the case files; a digest the case names by its text is shown as that text.
func (c testCase) run(t *testing.T) string {
	if c.kind == "vendor" {
		return clearOutcome(VendorID{}, c.input)
	}
	hasher, place := hasherOf(t, c.kind)
	if place {
		return clearOutcome(Place{Country: c.kind == "country"}, c.input)
	}
	h, err := hasher.Hash([]byte(c.input))
	switch {
	case err != nil:
		if !h.IsZero() {
			t.Errorf("a hash beside the error %s", err.(Rule))
		}
		return "!" + string(err.(Rule))
	case h.IsZero():
		return "absent"
	}
	got := string(h.AppendHex(nil))
	if text, ok := strings.CutPrefix(c.want, "="); ok && got == digestOf(text, strings.Contains(c.kind, "md5")) {
		return c.want
	}
	return got
}

// appender is a kind that does not hash.
type appender interface {
	Append(dst, clear []byte) ([]byte, error)
}

func clearOutcome(kind appender, input string) string {
	got, err := kind.Append(nil, []byte(input))
	switch {
	case err != nil:
		return "!" + string(err.(Rule))
	case len(got) == 0:
		return "absent"
	}
	return "=" + string(got)
}

func digestOf(text string, useMD5 bool) string {
	if useMD5 {
		sum := md5.Sum([]byte(text))
		return hex.EncodeToString(sum[:])
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// hasherOf builds the kind that a case names: "email plus dots", "phone GB raw".
func hasherOf(t testing.TB, kind string) (h Hasher, place bool) {
	name, options, _ := strings.Cut(kind, " ")
	has := func(option string) bool { return strings.Contains(" "+options+" ", " "+option+" ") }
	mode := Auto
	if has("raw") {
		mode = Raw
	} else if has("hashed") {
		mode = Hashed
	}
	switch name {
	case "email":
		return Email{Mode: mode, RemoveSpaces: has("spaces"), StripPlusTag: has("plus"), StripDots: has("dots")}, false
	case "phone":
		own, _, _ := strings.Cut(options, "row ")
		phone := Phone{Mode: mode, Country: countryIn(own)}
		if has("row") { // the row says where
			_, says, _ := strings.Cut(options, "row ")
			phone.SetCountry([]byte(says))
		}
		return phone, false
	case "external_id":
		return ExternalID{Mode: mode, Lowercase: has("lower")}, false
	case "device":
		return DeviceID{Mode: mode, Upper: has("upper"), MD5: has("md5")}, false
	case "name":
		return Name{Mode: mode}, false
	case "zip":
		return ZipCode{Mode: mode}, false
	case "place", "country":
		return nil, true
	}
	t.Fatalf("unknown kind %q", kind)
	return nil, false
}

func countryIn(options string) Country {
	for option := range strings.FieldsSeq(options) {
		if c, ok := ParseCountry([]byte(option)); ok {
			return c
		}
	}
	return Country{}
}
