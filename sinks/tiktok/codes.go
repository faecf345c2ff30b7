package tiktok

import "github.com/tokrelay/tokrelay/pipeline"

// source says where a code, its meaning and its text are from.
type source uint8

const (
	portal   source = iota // TikTok's documents: the list of return codes, and examples in them
	sdkNames               // TikTok's official SDKs: a name and no more
	live                   // an answer of TikTok that someone has published
)

// ruling is what a code means for the call that got it.
type ruling struct {
	pipeline.Verdict
	pipeline.Scope
	text string // TikTok's, where it is known; else what the code means
	from source
}

// codes is TikTok's table of return codes: of each its class, text and source (docs/operations/codes.md shows the classes to
// operators). Only the texts of 40000 to 40002 and 40007 have a say besides the code: see coded.
var codes = map[int]ruling{
	0:     {pipeline.Accepted, "", "OK", live},
	20001: {pipeline.Warned, "", "partially successful: nothing says which part, and events have ids", portal},
	40012: {pipeline.Warned, "", "nothing to update", sdkNames},
	40050: {pipeline.Warned, "", "duplicated request: a call like it was taken", portal},

	40016: {pipeline.Throttled, pipeline.ScopeApp, "too frequent, of the app", portal},
	40100: {pipeline.Throttled, pipeline.ScopeEndpoint, "Too many requests. Please retry in some time.", portal},
	40132: {pipeline.Throttled, pipeline.ScopeField, "The request QPS is limited by pixel_code's value.", portal},
	40133: {pipeline.Throttled, pipeline.ScopeAdvertiser, "Advertiser (<id>)'s QPS (<n>) reaches QPS limit <m> for current path, request is temporarily restricted.", portal},
	61000: {pipeline.Throttled, pipeline.ScopeApp, "too many requests", sdkNames},

	40011: {pipeline.TooMany, "", "too many ids in a request", portal},
	40061: {pipeline.TooMany, "", "invalid batch size", sdkNames},
	40907: {pipeline.TooMany, "", "the file is too large", portal},

	// The token does not work at all.
	40101: {pipeline.Denied, pipeline.ScopeApp, "wrong authorisation values: secret, app id, code", portal},
	40102: {pipeline.Denied, pipeline.ScopeApp, "the access token has expired", portal},
	40103: {pipeline.Denied, pipeline.ScopeApp, "the refresh token has expired", portal},
	40104: {pipeline.Denied, pipeline.ScopeApp, "Access token is null, you should set it in http header with key Access-Token.", live},
	40105: {pipeline.Denied, pipeline.ScopeApp, "Access token is incorrect or has been revoked.", portal},
	40106: {pipeline.Denied, pipeline.ScopeAdvertiser, "the token does not fit the advertiser", portal},
	40107: {pipeline.Denied, pipeline.ScopeApp, "the refresh token is invalid", portal},
	40108: {pipeline.Denied, pipeline.ScopeApp, "wrong grant type", portal},
	40110: {pipeline.Denied, pipeline.ScopeApp, "The auth_code is canceled. Please re-authorize and try again with a new auth_code.", portal},
	40113: {pipeline.Denied, pipeline.ScopeApp, "The app_id is inconsistent with the token's app information. Please retry after correcting it.", portal},
	40112: {pipeline.Denied, pipeline.ScopeApp, "wrong password", sdkNames},
	40114: {pipeline.Denied, pipeline.ScopeApp, "the advertiser has logged out", sdkNames},
	40115: {pipeline.Denied, pipeline.ScopeApp, "the authorisation's timestamp has expired", portal},
	40116: {pipeline.Denied, pipeline.ScopeApp, "wrong signature of the authorisation", sdkNames},
	40309: {pipeline.Denied, pipeline.ScopeApp, "login required", sdkNames},
	70001: {pipeline.Denied, pipeline.ScopeApp, "wrong type of business authorisation", sdkNames},
	// The token works, but not for this: other pixels, audiences and syncs of the connection go on.
	40001: {pipeline.Denied, pipeline.ScopeField, "No permission to operate pixel code: <code>. / advertiser does not grant you <path>:<method> permission / The access token lacks the required scope", live},
	40003: {pipeline.Denied, pipeline.ScopeField, "forbidden", sdkNames},
	40117: {pipeline.Denied, pipeline.ScopeField, "method not allowed", portal},
	40118: {pipeline.Denied, pipeline.ScopeField, "not on the list of those allowed", portal},
	40119: {pipeline.Denied, pipeline.ScopeField, "of another company", portal},
	40124: {pipeline.Denied, pipeline.ScopeField, "the developer is not approved", portal},
	40125: {pipeline.Denied, pipeline.ScopeField, "no permission", portal},
	40130: {pipeline.Denied, pipeline.ScopeField, "scope not authorised", sdkNames},
	40131: {pipeline.Denied, pipeline.ScopeField, "scope not authorised", sdkNames},

	40006: {pipeline.Broken, "", "wrong version of the API", portal},
	40008: {pipeline.Broken, "", "endpoint not implemented", portal},
	40009: {pipeline.Broken, "", "not in TikTok's sandbox", portal},
	40010: {pipeline.Broken, "", "domain not supported", portal},
	40013: {pipeline.Broken, "", "not in TikTok's sandbox", portal},
	40014: {pipeline.Broken, "", "not in TikTok's sandbox", portal},
	40051: {pipeline.Broken, "", "wrong version of the API", portal},
	40052: {pipeline.Broken, "", "of another product", sdkNames},
	40053: {pipeline.Broken, "", "of another product", sdkNames},
	40063: {pipeline.Broken, "", "invalid partner name", sdkNames},
	40109: {pipeline.Broken, "", "deciphering failed", sdkNames},
	40120: {pipeline.Broken, "", "of another product", sdkNames},
	40121: {pipeline.Broken, "", "of another product", sdkNames},
	40122: {pipeline.Broken, "", "of another product", sdkNames},
	40126: {pipeline.Broken, "", "of another product", sdkNames},
	40127: {pipeline.Broken, "", "of another product", sdkNames},
	40128: {pipeline.Broken, "", "of another product", sdkNames},
	40129: {pipeline.Broken, "", "of another product", sdkNames},
	40300: {pipeline.Broken, "", "advertiser missing", sdkNames},
	40301: {pipeline.Broken, "", "advertiser does not match", sdkNames},
	40302: {pipeline.Broken, "", "the customer's advertiser is missing", sdkNames},
	40400: {pipeline.Broken, "", "route not found", sdkNames},
	40502: {pipeline.Broken, "", "limit of ads", portal},
	40909: {pipeline.Broken, "", "calculate_type not supported", portal},
	41000: {pipeline.Broken, "", "the client's address is in a banned country", portal},
	41001: {pipeline.Broken, "", "endpoint offline", portal},
	41002: {pipeline.Broken, "", "field offline", portal},
	41013: {pipeline.Broken, "", "of another product", sdkNames},

	40200: {pipeline.Retry, "", "task error", portal},
	40201: {pipeline.Retry, "", "task not ready", portal},
	40202: {pipeline.Retry, "", "write conflict", portal},
	40900: {pipeline.Retry, "", "the file's signature does not match what arrived", portal},
	50000: {pipeline.Retry, "", "system error", portal},
	50002: {pipeline.Retry, "", "error or time-out on TikTok's side", portal},
	51010: {pipeline.Retry, "", "Internal service timed out. Please retry in sometime.", sdkNames},
	60001: {pipeline.Retry, "", "maintenance", portal},

	40000: {pipeline.Refused, "", "invalid parameters: Invalid Price Field", portal},
	40002: {pipeline.Refused, "", "Invalid value for <field>: not a valid string. / Missing required field(s): <field>. / texts of an audience's state: stateIn; of the call: callPartIn", live},
	40007: {pipeline.Refused, "", "the object does not exist", portal},
	40062: {pipeline.Refused, "", "personal data not hashed", sdkNames},
	40700: {pipeline.Refused, "", "internal validation error", portal},
	40901: {pipeline.Refused, "", "of media and of files fetched by address", portal},
	40902: {pipeline.Refused, "", "of media and of files fetched by address", portal},
	40903: {pipeline.Refused, "", "of media and of files fetched by address", portal},
	40904: {pipeline.Refused, "", "of media and of files fetched by address", portal},
	40905: {pipeline.Refused, "", "file does not exist", portal},
	40906: {pipeline.Refused, "", "file empty", portal},
	40908: {pipeline.Refused, "", "file type not supported", portal},
	40910: {pipeline.Refused, "", "file expired", portal},
	40911: {pipeline.Refused, "", "of media and of files fetched by address", portal},
	40912: {pipeline.Refused, "", "of media and of files fetched by address", portal},
	40913: {pipeline.Refused, "", "of media and of files fetched by address", portal},
	40914: {pipeline.Refused, "", "upload invalid", portal},
	40915: {pipeline.Refused, "", "file does not meet the requirements", portal},
	40916: {pipeline.Refused, "", "of media and of files fetched by address", portal},
}

// rule looks a code up and reports whether the table has it. An unknown client error never blames rows; any other unknown
// code is TikTok's own trouble.
func rule(code int) (r ruling, listed bool) {
	if r, listed = codes[code]; listed {
		return r, true
	}
	if code >= 40000 && code < 50000 {
		return ruling{Verdict: pipeline.Unknown, Scope: pipeline.ScopeField}, false
	}
	return ruling{Verdict: pipeline.Retry}, false
}

// status classifies an answer whose body is not TikTok's: a gateway, a proxy or a wall answered. Nothing here blames the
// rows: what does not pass comes again, in parts where it is too large.
func status(http int) ruling {
	switch {
	case http == 401, http == 403:
		return ruling{Verdict: pipeline.Denied, Scope: pipeline.ScopeApp}
	case http == 400, http == 408, http == 422, http == 425:
		return ruling{Verdict: pipeline.Retry}
	case http == 413:
		return ruling{Verdict: pipeline.TooMany}
	case http == 429:
		return ruling{Verdict: pipeline.Throttled, Scope: pipeline.ScopeEndpoint}
	case http >= 300 && http < 500:
		return ruling{Verdict: pipeline.Broken}
	}
	return ruling{Verdict: pipeline.Retry}
}
