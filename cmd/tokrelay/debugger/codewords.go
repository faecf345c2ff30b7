package debugger

import (
	"cmp"
	"strconv"

	"github.com/tokrelay/tokrelay/pipeline"
)

// codeWords are TikTok's codes in a few words, where the verdict's are not enough.
var codeWords = map[int]string{
	20001: "accepted in part",
	40001: "no permission",
	40012: "nothing to update",
	40050: "a repeat of a call it had taken",
	40061: "too many items",
	40062: "refused: an identifier is not hashed",
	40016: "the app’s limit",
	40100: "too many requests",
	40101: "no token",
	40102: "token expired",
	40104: "token missing",
	40105: "token refused",
	40132: "the pixel’s limit",
	40133: "the advertiser’s limit",
	40300: "no such advertiser",
	40301: "not this advertiser’s",
	40400: "no such endpoint",
	51000: "TikTok was too slow",
}

// networkWords are failures below HTTP.
var networkWords = map[string]string{
	"timeout": "no answer in time", "reset": "connection broken", "refused": "connection refused", "dns": "name not found",
	"tls": "no secure connection", "certificate": "certificate not trusted", "closed": "connection closed",
}

// verdictWords say what the verdict means for the rows.
var verdictWords = [...]struct{ tone, words, next string }{
	pipeline.Accepted:  {"good", "accepted", "TikTok took every item."},
	pipeline.Warned:    {"good", "accepted with a warning", "TikTok took the items; the warning was logged."},
	pipeline.Retry:     {"wait", "sent again", "No fault of the rows: the same call was made again after a pause."},
	pipeline.Throttled: {"wait", "limit reached", "No fault of the rows: the sync waited for TikTok’s limit and made the same call again."},
	pipeline.Refused:   {"stop", "refused", "TikTok refused the data. The bad row was searched for; its neighbours were sent again without it."},
	pipeline.TooMany:   {"wait", "too large", "The call was sent again in parts."},
	pipeline.Denied:    {"stop", "denied", "TikTok refuses the token or its permissions. The connection waits and tries again within 10 seconds."},
	pipeline.Unknown:   {"stop", "unknown answer", "A code that tokrelay does not know. No row is blamed for it; the sync waits and asks again every few seconds."},
	pipeline.Broken:    {"stop", "not possible", "TikTok shows the configuration to be wrong. The sync waits and tries again within 10 seconds."},
}

// answerWords are an answer's tone and what it says, in a few words.
func answerWords(a *pipeline.Answer) (tone, text string) {
	v := verdictWords[a.Verdict]
	text = v.words
	switch {
	case a.HTTPStatus == 0:
		text = cmp.Or(networkWords[a.Network], "no answer")
	case a.Code != 0 && codeWords[a.Code] != "":
		text = codeWords[a.Code]
	case a.Code == 0 && a.HTTPStatus != 200:
		text = "HTTP " + strconv.Itoa(a.HTTPStatus)
	case a.State == pipeline.StateNotEditable:
		text = "the audience is busy"
	case a.State == pipeline.StateReplacing:
		text = "an earlier upload has not ended"
	}
	return v.tone, text
}
