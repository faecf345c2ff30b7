package identity

import (
	"os"
	"strings"
	"testing"
)

func TestTheDocumentationHasEveryPlaceholder(t *testing.T) {
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "### A placeholder is not a value")
	section, _, _ = strings.Cut(section, "\n| ")
	for _, p := range placeholders {
		if !strings.Contains(section, "`"+p+"`") {
			t.Errorf("docs/configuration.md lacks %s", p)
		}
	}
	listed := strings.Count(section, "`") / 2
	if examples := len(macros); listed != len(placeholders)+examples {
		t.Errorf("docs/configuration.md lists %d texts, want %d placeholders and %d macros", listed, len(placeholders), examples)
	}
}

func TestWhatIsAPlaceholder(t *testing.T) {
	for text, want := range map[string]bool{
		"undefined": true, "NuLL": true, "(not set)": true, "(Not Set)": true, "0": true, "-": true, "[object Object]": true, "unknown": true,
		"__CLICKID__": true, "__CLICK_ID_2__": true, "{{ttclid}}": true, "{{ url.ttclid }}": true, "${x}": true, "%%TTCLID%%": true,
		"": false, "00": false, "nullable": false, "null@example.com": false, "SKU-0": false, "__init__": false, "____": false, "__": false,
		"{{a}}{{b}}": false, "{{}}": false, "${}": false, "$5": false, "{a}": false, "__E.C.P__": false, "%%": false, "100%%": false, "unknown soldier": false,
	} {
		if got := IsPlaceholder([]byte(text)); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}
