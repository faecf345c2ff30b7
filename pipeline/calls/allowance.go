package calls

import "time"

// allowance is so many bytes a second, and what two seconds leave over. Its owner guards it.
type allowance struct {
	rate   float64
	left   float64
	filled time.Time
}

func newAllowance(rate int) allowance {
	return allowance{rate: float64(rate), left: 2 * float64(rate), filled: time.Now()}
}

// take takes the bytes off what is left, if there is enough.
func (a *allowance) take(bytes int) bool {
	now := time.Now()
	a.left = min(a.left+now.Sub(a.filled).Seconds()*a.rate, 2*a.rate)
	a.filled = now
	if float64(bytes) > a.left {
		return false
	}
	a.left -= float64(bytes)
	return true
}
