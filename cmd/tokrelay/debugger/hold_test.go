package debugger

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestASyncThatIsPausedOnOnePageIsPausedOnAllAndResumedOnAny(t *testing.T) {
	t.Parallel()
	cluster := ordersBroker(t)
	a, _ := runInstance(t, cluster, "instance-a")
	b, _ := runInstance(t, cluster, "instance-b")
	a.d.Wiring.Config.Admin.Actions, b.d.Wiring.Config.Admin.Actions = true, true
	if html := until(t, a, "/syncs/orders", "Pause orders"); strings.Contains(html, "Resume orders") {
		t.Errorf("a sync that runs can be resumed: %s", html)
	}
	if code, html := shown(a, "POST", "/syncs/orders/pause", url.Values{"why": {"<ticket 17>"}}); code != http.StatusSeeOther {
		t.Fatalf("pause: answered %d: %s", code, html)
	}
	html := until(t, b, "/syncs/orders", "by the page of instance-a at")
	if !strings.Contains(html, "&lt;ticket 17&gt;") || strings.Contains(html, "Pause orders") || !strings.Contains(html, "Resume orders") {
		t.Errorf("the other page does not say why, or does not offer to resume: %s", html)
	}
	if html := until(t, b, "/actions", "ticket 17"); !strings.Contains(html, "the page of instance-a") || strings.Contains(html, "<ticket") {
		t.Errorf("the other page does not list who paused it, and why: %s", html)
	}
	if _, html := shown(b, "GET", "/actions?text=no-such-text", nil); strings.Contains(html, "ticket 17") {
		t.Errorf("a text that is in no action shows one: %s", html)
	}
	if html := until(t, b, "/", "orders is paused by an operator"); !strings.Contains(html, `href="/syncs/orders"`) {
		t.Errorf("the overview does not lead to the buttons: %s", html)
	}
	if code, html := shown(b, "POST", "/syncs/orders/resume", url.Values{}); code != http.StatusSeeOther {
		t.Fatalf("resume: answered %d: %s", code, html)
	}
	until(t, a, "/syncs/orders", "Pause orders")
	for path, want := range map[string]int{"/syncs/nobody/pause": http.StatusNotFound, "/syncs/orders/burn": http.StatusNotFound} {
		if code, _ := shown(a, "POST", path, url.Values{}); code != want {
			t.Errorf("%s is answered %d, want %d", path, code, want)
		}
	}
	if code, _ := shown(a, "GET", "/syncs/nobody", nil); code != http.StatusNotFound {
		t.Errorf("an unknown sync is answered %d, want 404", code)
	}
}
