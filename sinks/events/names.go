package events

import "strings"

// namesAsOf is the date of TikTok's lists below.
const namesAsOf = "2025-09"

// standardNames are the event names TikTok takes for web, offline and CRM events.
var standardNames = []string{"AddPaymentInfo", "AddToCart", "AddToWishlist", "ApplicationApproval", "CompleteRegistration",
	"Contact", "CustomizeProduct", "Download", "FindLocation", "InitiateCheckout", "Lead", "Purchase", "Schedule", "Search",
	"StartTrial", "SubmitApplication", "Subscribe", "ViewContent"}

// legacyNames are older names that TikTok still takes: what each is called now, if anything, and what becomes of it.
var legacyNames = []struct{ name, now, fate string }{
	{"CompletePayment", "Purchase", "renamed by TikTok on 2025-05-01: it takes the old name and shows it as Purchase"},
	{"SubmitForm", "Lead", "renamed by TikTok on 2025-05-01: it takes the old name and shows it as Lead"},
	{"ClickButton", "", "deprecated by TikTok on 2025-05-01: supported until 2027, without a successor"},
	{"PlaceAnOrder", "", "deprecated by TikTok on 2025-05-01: supported until 2027; Purchase takes its place"},
}

// acceptedNames are all names that need no custom_events.
func acceptedNames() []string {
	names := append([]string(nil), standardNames...)
	for _, l := range legacyNames {
		names = append(names, l.name)
	}
	return names
}

// renamed is today's name of a legacy name that has one, else the name itself.
func renamed(name string) string {
	for _, l := range legacyNames {
		if l.name == name && l.now != "" {
			return l.now
		}
	}
	return name
}

// spelling finds the accepted name that the text is but for case, blanks, dashes and underscores: add_to_cart is
// AddToCart. It is "" where there is none.
func spelling(text string) string {
	want := squashed(text)
	for _, name := range acceptedNames() {
		if want == strings.ToLower(name) {
			return name
		}
	}
	return ""
}

func squashed(text string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '_' || r == '-' || r == '.' {
			return -1
		}
		return r
	}, strings.ToLower(strings.TrimSpace(text)))
}
