package events

import (
	"errors"
	"fmt"
	"os"
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
	codes map[[3]byte]bool
}

func builtinCurrencyList() *currencyList {
	l := &currencyList{date: builtinCurrencyDate, codes: map[[3]byte]bool{}}
	for code := range strings.FieldsSeq(builtinCurrencies) {
		l.codes[[3]byte([]byte(code))] = true
	}
	return l
}

func (l *currencyList) rule() string { return "a currency code of TikTok's list of " + l.date }

// ReadCurrencies reads the file of currencies again, where there is one. A file that cannot be used changes nothing.
func (p *Plan) ReadCurrencies() error {
	list := builtinCurrencyList()
	if p.cfg.CurrencyFile != "" {
		read, err := readCurrencyFile(p.cfg.CurrencyFile)
		if err != nil {
			return err
		}
		list = &read
	}
	p.currencies.Store(list)
	return nil
}

// readCurrencyFile reads a list that takes the place of the built-in one: codes apart by white space or commas, a line
// "date: 2026-10-01", and comments behind #.
func readCurrencyFile(path string) (currencyList, error) {
	l := currencyList{codes: map[[3]byte]bool{}}
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
		for code := range strings.FieldsFuncSeq(line, func(r rune) bool { return r == ',' || r <= ' ' }) {
			if len(code) != 3 || strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
				return l, errors.New("currency file: codes are three upper-case letters")
			}
			l.codes[[3]byte([]byte(code))] = true
		}
	}
	return l, l.check()
}

func (l *currencyList) check() error {
	if _, err := time.Parse(time.DateOnly, l.date); err != nil {
		return errors.New("currency file: a line like \"date: 2026-10-01\" is needed")
	}
	if len(l.codes) == 0 {
		return errors.New("currency file: no codes")
	}
	return nil
}
