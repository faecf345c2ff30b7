package sandbox

import (
	"bytes"
	"strings"
)

// set makes a lookup table of the words of a text.
func set(words string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		m[w] = true
	}
	return m
}

// standardEvents are the names TikTok documents today and the four older ones it still takes.
var standardEvents = set(`
	AddPaymentInfo AddToCart AddToWishlist ApplicationApproval CompleteRegistration Contact CustomizeProduct Download
	FindLocation InitiateCheckout Lead Purchase Schedule Search StartTrial SubmitApplication Subscribe ViewContent
	ClickButton CompletePayment PlaceAnOrder SubmitForm`)

// appEvents are the names of app events, a list of its own.
var appEvents = set(`
	AchieveLevel AddPaymentInfo AddToCart AddToWishlist Checkout CompleteTutorial CreateGroup CreateRole GenerateLead InAppADClick
	InAppAdImpr InstallApp JoinGroup LaunchAPP LoanApplication LoanApproval LoanDisbursal Login Purchase Rate Registration Search
	SpendCredits StartTrial Subscribe UnlockAchievement ViewContent`)

// isStandard reports whether a name is one of TikTok's for events of a source.
func isStandard(name []byte, source string) bool {
	if source == "app" {
		return appEvents[string(name)]
	}
	return standardEvents[string(name)]
}

// renamed maps the names TikTok converts to those it reports them under.
var renamed = map[string]string{"CompletePayment": "Purchase", "SubmitForm": "Lead"}

// reservedEvents maps names that TikTok takes for one of its own to those it counts them as.
var reservedEvents = map[string]string{
	"AddBilling": "AddPaymentInfo", "Browse": "PageView", "Checkout": "PlaceAnOrder", "ClickForm": "Lead", "ClickInDownloadPage": "ClickButton",
	"ClickToDownload": "Download", "Consult": "Contact", "ConsultByPhone": "Contact", "Registration": "CompleteRegistration",
	"StartCheckout": "InitiateCheckout", "ViewConsultationPage": "ViewContent", "ViewDownloadPage": "ViewContent", "ViewForm": "ViewContent",
}

// maxCustomName is how long a name of the advertiser's own may be.
const maxCustomName = 50

// customName reports whether a name of the advertiser's own has the form TikTok asks for.
func customName(name []byte) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	return len(name) > 0 && len(name) <= maxCustomName && strings.IndexByte(letters, name[0]) >= 0 && len(bytes.Trim(name, letters+"0123456789_-")) == 0
}

// currencies are the codes TikTok takes in events.
var currencies = set(`
	AED ARS AUD BDT BHD BIF BOB BRL CAD CHF CLP CNY COP CRC CZK DKK DZD EGP EUR GBP GTQ HKD HNL HUF IDR ILS INR ISK JPY
	KES KHR KRW KWD KZT MAD MOP MXN MYR NGN NIO NOK NZD OMR PEN PHP PKR PLN PYG QAR RON RUB SAR SEK SGD THB TRY TWD UAH
	USD VES VND ZAR`)
