package debugger

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

func ask(t *testing.T, form url.Values) (replayAsk, error) {
	t.Helper()
	r := httptest.NewRequest("POST", "/replay/plan", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return readReplayAsk(r)
}

func TestAReplayIsOfATimeAndOfChosenRows(t *testing.T) {
	a, err := ask(t, url.Values{"sync": {"orders"}, "since": {"2026-11-30T10:00"}, "until": {"2026-11-30T12:30"}, "row": {"shop.orders/0/7", "shop.orders/2/9"}})
	if err != nil {
		t.Fatal(err)
	}
	f := a.options().Filter
	if !f.Since.Equal(time.Date(2026, 11, 30, 10, 0, 0, 0, time.UTC)) || !f.Until.Equal(time.Date(2026, 11, 30, 12, 30, 0, 0, time.UTC)) {
		t.Errorf("from %v until %v", f.Since, f.Until)
	}
	if len(f.Rows) != 2 || !f.Rows["shop.orders/0/7"] || !f.Rows["shop.orders/2/9"] {
		t.Errorf("rows %v", f.Rows)
	}
	if want := "tokrelay dlq replay --row shop.orders/0/7 --row shop.orders/2/9 --sync orders --since 2026-11-30T10:00 --until 2026-11-30T12:30"; a.Command() != want {
		t.Errorf("the command is %q, want %q", a.Command(), want)
	}
}

func TestAChoiceThatIsNotUnderstoodChoosesNothing(t *testing.T) {
	for _, form := range []url.Values{{"since": {"yesterday"}}, {"until": {"2026"}}, {"row": {"orders"}}, {"row": {"orders/0/1", "orders/x/1"}}, {"limit": {"-1"}}} {
		if _, err := ask(t, form); err == nil {
			t.Errorf("%v: got no error", form)
		}
	}
}

func TestAListIsNarrowedByTimeAndText(t *testing.T) {
	c := readChosen(url.Values{"since": {"2026-11-30T10:00"}, "until": {"2026-11-30T12:00"}, "text": {" EUR "}})
	at := time.Date(2026, 11, 30, 11, 0, 0, 0, time.UTC)
	for want, is := range map[string]bool{
		"in":        c.holds(at, "nothing", "invalid eur value"),
		"too early": !c.holds(at.Add(-2*time.Hour), "EUR"),
		"too late":  !c.holds(at.Add(time.Hour), "EUR"),
		"no text":   !c.holds(at, "USD"),
	} {
		if !is {
			t.Errorf("%s: decided the other way", want)
		}
	}
}
