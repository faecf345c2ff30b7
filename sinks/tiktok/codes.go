package tiktok

import "github.com/tokrelay/tokrelay/pipeline"

// ruling is what a code means for the call that got it.
type ruling struct {
	pipeline.Verdict
	pipeline.Scope
}

// codes is TikTok's table of return codes (docs/operations/codes.md shows it to operators).
var codes = map[int]ruling{
	0:     {Verdict: pipeline.Accepted},
	20001: {Verdict: pipeline.Warned}, // partially successful: nothing says which part, and events have ids
	40012: {Verdict: pipeline.Warned}, // nothing to update
	40050: {Verdict: pipeline.Warned}, // a duplicate of a call that was taken

	40016: {pipeline.Throttled, pipeline.ScopeApp},
	40100: {pipeline.Throttled, pipeline.ScopeEndpoint},
	40132: {pipeline.Throttled, pipeline.ScopeField},
	40133: {pipeline.Throttled, pipeline.ScopeAdvertiser},
	61000: {pipeline.Throttled, pipeline.ScopeApp},

	40011: {Verdict: pipeline.TooMany}, // too many ids
	40061: {Verdict: pipeline.TooMany}, // batch size
	40907: {Verdict: pipeline.TooMany}, // file size

	// The token does not work at all.
	40101: {pipeline.Denied, pipeline.ScopeApp},
	40102: {pipeline.Denied, pipeline.ScopeApp},
	40103: {pipeline.Denied, pipeline.ScopeApp},
	40104: {pipeline.Denied, pipeline.ScopeApp},
	40105: {pipeline.Denied, pipeline.ScopeApp},
	40106: {pipeline.Denied, pipeline.ScopeAdvertiser},
	40107: {pipeline.Denied, pipeline.ScopeApp},
	40108: {pipeline.Denied, pipeline.ScopeApp},
	40110: {pipeline.Denied, pipeline.ScopeApp},
	40113: {pipeline.Denied, pipeline.ScopeApp},
	40112: {pipeline.Denied, pipeline.ScopeApp}, // password
	40114: {pipeline.Denied, pipeline.ScopeApp}, // the advertiser has logged out
	40115: {pipeline.Denied, pipeline.ScopeApp},
	40116: {pipeline.Denied, pipeline.ScopeApp}, // signature
	40309: {pipeline.Denied, pipeline.ScopeApp}, // login required
	70001: {pipeline.Denied, pipeline.ScopeApp}, // type of authorisation
	// The token works, but not for this: other pixels, audiences and syncs of the connection go on.
	40001: {pipeline.Denied, pipeline.ScopeField},
	40003: {pipeline.Denied, pipeline.ScopeField},
	40117: {pipeline.Denied, pipeline.ScopeField},
	40118: {pipeline.Denied, pipeline.ScopeField},
	40119: {pipeline.Denied, pipeline.ScopeField},
	40124: {pipeline.Denied, pipeline.ScopeField},
	40125: {pipeline.Denied, pipeline.ScopeField},
	40130: {pipeline.Denied, pipeline.ScopeField},
	40131: {pipeline.Denied, pipeline.ScopeField},

	40006: {Verdict: pipeline.Broken}, // API version
	40008: {Verdict: pipeline.Broken}, // endpoint not implemented
	40009: {Verdict: pipeline.Broken}, // sandbox restrictions: 40009, 40013, 40014
	40010: {Verdict: pipeline.Broken}, // domain
	40013: {Verdict: pipeline.Broken},
	40014: {Verdict: pipeline.Broken},
	40051: {Verdict: pipeline.Broken}, // API version
	40052: {Verdict: pipeline.Broken}, // of other products: 40052, 40053, 40120 to 40122, 40126 to 40129, 41013
	40053: {Verdict: pipeline.Broken},
	40063: {Verdict: pipeline.Broken}, // partner name
	40109: {Verdict: pipeline.Broken}, // deciphering
	40120: {Verdict: pipeline.Broken},
	40121: {Verdict: pipeline.Broken},
	40122: {Verdict: pipeline.Broken},
	40126: {Verdict: pipeline.Broken},
	40127: {Verdict: pipeline.Broken},
	40128: {Verdict: pipeline.Broken},
	40129: {Verdict: pipeline.Broken},
	40300: {Verdict: pipeline.Broken}, // advertiser missing
	40301: {Verdict: pipeline.Broken}, // advertiser does not match
	40302: {Verdict: pipeline.Broken}, // the customer's advertiser is missing
	40400: {Verdict: pipeline.Broken}, // route not found
	40502: {Verdict: pipeline.Broken},
	40909: {Verdict: pipeline.Broken}, // calculate_type
	41000: {Verdict: pipeline.Broken}, // our address is in a banned country
	41001: {Verdict: pipeline.Broken}, // endpoint offline
	41002: {Verdict: pipeline.Broken}, // field offline
	41013: {Verdict: pipeline.Broken},

	40200: {Verdict: pipeline.Retry}, // task error
	40201: {Verdict: pipeline.Retry}, // task not ready
	40202: {Verdict: pipeline.Retry}, // write conflict
	40900: {Verdict: pipeline.Retry}, // the file's signature does not match what arrived
	50000: {Verdict: pipeline.Retry}, // system error
	50002: {Verdict: pipeline.Retry}, // an error or a time-out on TikTok's side
	51010: {Verdict: pipeline.Retry}, // an internal time-out
	60001: {Verdict: pipeline.Retry}, // maintenance

	40000: {Verdict: pipeline.Refused},
	40002: {Verdict: pipeline.Refused},
	40007: {Verdict: pipeline.Refused}, // the object does not exist
	40062: {Verdict: pipeline.Refused}, // personal data not hashed
	40700: {Verdict: pipeline.Refused},
	40901: {Verdict: pipeline.Refused}, // of media and addresses: 40901 to 40904, 40911 to 40913, 40916
	40902: {Verdict: pipeline.Refused},
	40903: {Verdict: pipeline.Refused},
	40904: {Verdict: pipeline.Refused},
	40905: {Verdict: pipeline.Refused}, // file does not exist
	40906: {Verdict: pipeline.Refused}, // file empty
	40908: {Verdict: pipeline.Refused}, // file type
	40910: {Verdict: pipeline.Refused}, // file expired
	40911: {Verdict: pipeline.Refused},
	40912: {Verdict: pipeline.Refused},
	40913: {Verdict: pipeline.Refused},
	40914: {Verdict: pipeline.Refused},
	40915: {Verdict: pipeline.Refused}, // file content
	40916: {Verdict: pipeline.Refused},
}

// rule looks a code up and reports whether the table has it. An unknown client error never blames rows; any other unknown
// code is TikTok's own trouble.
func rule(code int) (r ruling, listed bool) {
	if r, listed = codes[code]; listed {
		return r, true
	}
	if code >= 40000 && code < 50000 {
		return ruling{pipeline.Unknown, pipeline.ScopeField}, false
	}
	return ruling{Verdict: pipeline.Retry}, false
}

// status classifies an answer whose body is not TikTok's: a gateway, a proxy or a wall answered. Nothing here blames the
// rows: what does not pass comes again, in parts where it is too large.
func status(http int) ruling {
	switch {
	case http == 401, http == 403:
		return ruling{pipeline.Denied, pipeline.ScopeApp}
	case http == 400, http == 408, http == 422, http == 425:
		return ruling{Verdict: pipeline.Retry}
	case http == 413:
		return ruling{Verdict: pipeline.TooMany}
	case http == 429:
		return ruling{pipeline.Throttled, pipeline.ScopeEndpoint}
	case http >= 300 && http < 500:
		return ruling{Verdict: pipeline.Broken}
	}
	return ruling{Verdict: pipeline.Retry}
}
