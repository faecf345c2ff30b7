package events

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestThePublicAddressOfAText(t *testing.T) {
	const refused = "refused"
	for text, want := range map[string]string{
		"203.0.113.9": "203.0.113.9", "203.0.113.9/32": "203.0.113.9", "::ffff:203.0.113.9": "203.0.113.9", "::FFFF:cb00:7109": "203.0.113.9", "2001:DB8::1": "2001:DB8::1", "2001:db8::1/128": "2001:db8::1",
		"203.0.113.9, 10.0.0.1": "203.0.113.9", "10.0.0.1, 203.0.113.9": "203.0.113.9", "unknown, 203.0.113.9,198.51.100.1": "203.0.113.9", "10.0.0.1,192.168.1.1": "",
		"127.0.0.1": "", "0.0.0.0": "", "::": "", "::1": "", "10.1.2.3": "", "172.16.0.1": "", "192.168.0.1": "", "169.254.1.1": "", "100.64.0.1": "", "fe80::1": "", "fd00::1": "",
		"224.0.0.1": "", "255.255.255.255": "", "::ffff:10.0.0.1": "", "unknown, unknown": "", "100.63.255.255": "100.63.255.255", "100.128.0.1": "100.128.0.1",
		"203.0.113.9:443": refused, "fe80::1%eth0": refused, "203.0.113": refused, "x": refused, ",": refused, "203.0.113.9 10.0.0.1": refused,
	} {
		public, ok := publicIP([]byte(text))
		got := string(public)
		if !ok {
			got = refused
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func FuzzPublicIP(f *testing.F) {
	for _, text := range []string{"203.0.113.9", "::ffff:203.0.113.9, 10.0.0.1", "a,,b", "::1/128"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		public, _ := publicIP([]byte(text))
		if again, ok := publicIP(public); len(public) > 0 && (!ok || string(again) != string(public)) {
			t.Errorf("%q: got %q, and of that %q", text, public, again)
		}
	})
}

func TestAnAddressThatIsLeftOutIsCounted(t *testing.T) {
	s := loadSync(t, readFile(t, "testdata/rows/network/config.yaml"))
	s.plan.metrics = NewMetrics(prometheus.NewRegistry(), nil)
	for _, row := range []string{`{"id":"a","url":"https://x.example/","ip":"10.0.0.1"}`, `{"id":"b","url":"https://x.example/","ip":"203.0.113.9"}`, `{"id":"c","url":"https://x.example/"}`} {
		if err := s.maker.Make(&s.items, 0, readChange(t, &s.columns, row)); err != nil {
			t.Fatal(err)
		}
	}
	if n := counted(t, s.plan.metrics.private); n != 1 {
		t.Errorf("got %v, want 1", n)
	}
}
