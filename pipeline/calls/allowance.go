package calls

import "time"

// allowance is so many bytes a second, and what they leave over up to a limit. Its owner guards it.
type allowance struct {
	rate   float64
	most   float64
	left   float64
	filled time.Time
}

func newAllowance(rate, most int) allowance {
	return allowance{rate: float64(rate), most: float64(most), left: float64(most), filled: time.Now()}
}

// take takes the bytes off what is left, if there is enough.
func (a *allowance) take(bytes int) bool {
	now := time.Now()
	a.left = min(a.left+now.Sub(a.filled).Seconds()*a.rate, a.most)
	a.filled = now
	if float64(bytes) > a.left {
		return false
	}
	a.left -= float64(bytes)
	return true
}
