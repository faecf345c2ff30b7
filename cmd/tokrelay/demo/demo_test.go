package demo

import (
	"bytes"
	"strings"
	"testing"
)

func TestTheDemoChecksItselfAndPasses(t *testing.T) {
	var out bytes.Buffer
	if err := Run(t.Context(), Options{Out: &out, Listen: "127.0.0.1:0"}); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{"are stand-ins inside this process", "rows in = delivered + rejected + skipped", "refused_by_tiktok"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, out.String())
		}
	}
	t.Log(out.String())
}
