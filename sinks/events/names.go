package events

import (
	"slices"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// namesAsOf is the date of TikTok's lists below.
const namesAsOf = "2025-09"

// standardNames are the event names TikTok takes for web, offline and CRM events.
var standardNames = words("AddPaymentInfo AddToCart AddToWishlist ApplicationApproval CompleteRegistration Contact CustomizeProduct " +
	"Download FindLocation InitiateCheckout Lead Purchase Schedule Search StartTrial SubmitApplication Subscribe ViewContent")

// appNames are those of app events, as TikTok's own kits for apps have them: a list of its own, in which Checkout and Registration are
// names and not reserved ones.
var appNames = words("AchieveLevel AddPaymentInfo AddToCart AddToWishlist Checkout CompleteTutorial CreateGroup CreateRole GenerateLead " +
	"InAppADClick InAppAdImpr InstallApp JoinGroup LaunchAPP LoanApplication LoanApproval LoanDisbursal Login Purchase Rate Registration " +
	"Search SpendCredits StartTrial Subscribe UnlockAchievement ViewContent")

// pageView is the pixel's own event of a page, which web events may repeat.
const pageView = "PageView"

// legacyNames are older names that TikTok still takes: what each is called now, if anything, and what becomes of it.
var legacyNames = []struct{ name, now, fate string }{
	{"CompletePayment", "Purchase", "renamed by TikTok on 2025-05-01: it takes the old name and shows it as Purchase"},
	{"SubmitForm", "Lead", "renamed by TikTok on 2025-05-01: it takes the old name and shows it as Lead"},
	{"ClickButton", "", "deprecated by TikTok on 2025-05-01: supported until 2027, without a successor"},
	{"PlaceAnOrder", "", "deprecated by TikTok on 2025-05-01: supported until 2027; Purchase takes its place"},
}

// reservedNames are names that TikTok takes for one of its events, and which: a Checkout of the company's own becomes an order.
var reservedNames = map[string]string{"AddBilling": "AddPaymentInfo", "Browse": "PageView", "Checkout": "PlaceAnOrder", "ClickForm": "Lead",
	"ClickInDownloadPage": "ClickButton", "ClickToDownload": "Download", "Consult": "Contact", "ConsultByPhone": "Contact",
	"Registration": "CompleteRegistration", "StartCheckout": "InitiateCheckout", "ViewConsultationPage": "ViewContent",
	"ViewDownloadPage": "ViewContent", "ViewForm": "ViewContent"}

// customRule is the rule that a name of the company's own breaks, or "".
func customRule(name string) string {
	if becomes := reservedNames[name]; becomes != "" {
		return "a name that is not reserved: TikTok counts " + name + " as " + becomes
	}
	for i, c := range []byte(name) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || c != '_' && c != '-' && (c < '0' || c > '9')) {
			return ownName
		}
	}
	if len(name) == 0 || len(name) > maxEventName {
		return ownName
	}
	return ""
}

const ownName = "a name of at most 50 letters, digits, _ and -, which begins with a letter"

// nearMiss is the name for events of the source that is but a letter or two from the text, or "".
func nearMiss(text string, from source) string {
	for _, name := range namesOf(from) {
		most := (len(name) - 1) / 4
		if settings.EditDistance(squashed(text), strings.ToLower(name), most+1) <= most {
			return name
		}
	}
	return ""
}

// namesOf are all names that need no custom_events for events of the source; 0 is a source that the row says.
func namesOf(from source) (names []string) {
	if from == 0 {
		from = everywhere
	}
	if from&^app != 0 {
		names = append(names, standardNames...)
		for _, l := range legacyNames {
			names = append(names, l.name)
		}
	}
	if from&web != 0 {
		names = append(names, pageView)
	}
	for _, name := range appNames {
		if from&app != 0 && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// sourcesOf are the sources that a name needs no custom_events for; 0 is a name of the company's own.
func sourcesOf(name string) (all source) {
	for _, s := range sources {
		if slices.Contains(namesOf(s.is), name) {
			all |= s.is
		}
	}
	return all
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

// spelling finds the name for events of the source that the text is but for case, blanks, dashes and underscores: add_to_cart is
// AddToCart. It is "" where there is none.
func spelling(text string, from source) string {
	want := squashed(text)
	for _, name := range namesOf(from) {
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
