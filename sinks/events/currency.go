package events

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// builtinCurrencies are the codes TikTok lists for events, as of builtinCurrencyDate.
const (
	builtinCurrencyDate = "2026-08-13"
	builtinCurrencies   = `AED ARS AUD BDT BHD BIF BOB BRL CAD CHF CLP CNY COP CRC CZK DKK DZD EGP EUR GBP GTQ HKD HNL HUF
		IDR ILS INR ISK JPY KES KHR KRW KWD KZT MAD MOP MXN MYR NGN NIO NOK NZD OMR PEN PHP PKR PLN PYG QAR RON RUB SAR SEK
		SGD THB TRY TWD UAH USD VES VND ZAR`
)

// currencyList is a dated list of currency codes.
type currencyList struct {
	date  string
	codes []string // sorted
}

func builtinCurrencyList() currencyList {
	return currencyList{date: builtinCurrencyDate, codes: strings.Fields(builtinCurrencies)}
}

// has says whether three upper-case letters are in the list.
func (l *currencyList) has(code string) bool {
	_, found := slices.BinarySearch(l.codes, code)
	return found
}

func (l *currencyList) rule() string { return "a currency code of TikTok's list of " + l.date }

// readCurrencyFile reads a list that takes the place of the built-in one: codes apart by white space or commas, a line
// "date: 2026-10-01", and comments behind #.
func readCurrencyFile(path string) (l currencyList, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return l, fmt.Errorf("read currency file: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		if date, ok := strings.CutPrefix(strings.TrimSpace(line), "date:"); ok {
			l.date = strings.TrimSpace(date)
			continue
		}
		l.codes = append(l.codes, strings.FieldsFunc(line, func(r rune) bool { return r == ',' || r <= ' ' })...)
	}
	slices.Sort(l.codes)
	l.codes = slices.Compact(l.codes)
	return l, l.check()
}

func (l *currencyList) check() error {
	if _, err := time.Parse(time.DateOnly, l.date); err != nil {
		return errors.New("currency file: a line like \"date: 2026-10-01\" is needed")
	}
	for _, code := range l.codes {
		if len(code) != 3 || strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			return errors.New("currency file: codes are three upper-case letters")
		}
	}
	if len(l.codes) == 0 {
		return errors.New("currency file: no codes")
	}
	return nil
}
