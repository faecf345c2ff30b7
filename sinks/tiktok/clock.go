package tiktok

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Clock is the time at TikTok, to the second: event times are judged by it. It asks without a token.
func (c *Client) Clock(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/user/info/", nil)
	if err != nil {
		return time.Time{}, errors.New("ask for the time: check base_url")
	}
	resp, err := c.http.RoundTrip(req)
	if err != nil {
		return time.Time{}, errors.New("ask for the time: no answer (" + Unanswered(err).Network + ")")
	}
	resp.Body.Close()
	t, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return time.Time{}, errors.New("ask for the time: the answer has no date")
	}
	return t, nil
}
