package sandbox

import (
	"iter"
	"net/http"
)

const base = "/open_api/v1.3"

type limitKind uint8

const (
	limitApp limitKind = iota
	limitEvents
	limitSegment
	limitNone
)

type form uint8

const (
	formQuery form = iota
	formJSON
	formFile
)

// endpoint is one row of the API: how it is reached and who answers.
type endpoint struct {
	path   string
	method string
	form   form
	scope  int64 // permission asked for; 0 = any token
	open   bool  // no Access-Token
	limit  limitKind
	secret bool // the body holds secrets: never kept
	answer func(*Sandbox, *call) (any, *refusal)
	ids    func(value) iter.Seq2[int, []byte] // rows and their ids, for faults that look at content

	members bool // the call adds members to audiences or removes them
}

// endpoints is everything under /open_api/v1.3.
func endpoints() []endpoint {
	get, post := http.MethodGet, http.MethodPost
	return []endpoint{
		{path: "/event/track/", method: post, form: formJSON, scope: ScopeEvents, limit: limitEvents,
			answer: (*Sandbox).track, ids: eventIDs("data")},
		{path: "/pixel/track/", method: post, form: formJSON, scope: ScopePixelEvents, limit: limitEvents,
			answer: (*Sandbox).legacyTrack, ids: oneEventID},
		{path: "/pixel/batch/", method: post, form: formJSON, scope: ScopePixelEvents, limit: limitEvents,
			answer: (*Sandbox).legacyBatch, ids: eventIDs("batch")},
		{path: "/pixel/list/", method: get, scope: ScopePixelList, answer: (*Sandbox).pixelList},
		{path: "/pixel/event/stats/", method: get, scope: ScopePixelList, answer: (*Sandbox).pixelStats},
		{path: "/crm/list/", method: get, scope: ScopePixelList, answer: eventSets("crm", "crm_event_sets")},
		{path: "/offline/get/", method: get, scope: ScopePixelList, answer: eventSets("offline", "event_set_list")},

		{path: "/segment/audience/", method: post, form: formJSON, scope: ScopeAudienceWrite, limit: limitSegment,
			answer: (*Sandbox).segment},
		{path: "/segment/mapping/", method: post, form: formJSON, scope: ScopeAudienceWrite, limit: limitSegment,
			answer: (*Sandbox).mapping, ids: memberIDs, members: true},

		{path: "/dmp/custom_audience/file/upload/", method: post, form: formFile, scope: ScopeAudienceWrite, answer: (*Sandbox).fileUpload},
		{path: "/dmp/custom_audience/create/", method: post, form: formJSON, scope: ScopeAudienceWrite, answer: (*Sandbox).audienceCreate},
		{path: "/dmp/custom_audience/update/", method: post, form: formJSON, scope: ScopeAudienceWrite, answer: (*Sandbox).audienceUpdate},
		{path: "/dmp/custom_audience/delete/", method: post, form: formJSON, scope: ScopeAudienceWrite, answer: (*Sandbox).audienceDelete},
		{path: "/dmp/custom_audience/get/", method: get, scope: ScopeAudienceRead, answer: (*Sandbox).audienceGet},
		{path: "/dmp/custom_audience/list/", method: get, scope: ScopeAudienceRead, answer: (*Sandbox).audienceList},

		{path: "/dmp/custom_audience/share/", method: post, form: formJSON, scope: ScopeAudienceWrite, answer: (*Sandbox).share},
		{path: "/dmp/custom_audience/share/cancel/", method: post, form: formJSON, scope: ScopeAudienceWrite, answer: (*Sandbox).shareCancel},
		{path: "/dmp/custom_audience/share/log/", method: get, scope: ScopeAudienceRead, answer: (*Sandbox).shareLog},

		{path: "/oauth2/access_token/", method: post, form: formJSON, open: true, secret: true, limit: limitNone, answer: (*Sandbox).exchange},
		{path: "/oauth2/revoke_token/", method: post, form: formJSON, open: true, secret: true, limit: limitNone, answer: (*Sandbox).revokeToken},
		{path: "/oauth2/advertiser/get/", method: get, answer: (*Sandbox).advertiserGet},
		{path: "/user/info/", method: get, answer: (*Sandbox).userInfo},
		{path: "/advertiser/info/", method: get, answer: (*Sandbox).advertiserInfo},
	}
}

// oneEventID is the event id of a call that is one event.
func oneEventID(body value) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		if id, ok := body.get("event_id"); ok {
			yield(0, id.text())
		}
	}
}

// eventIDs lists the event ids of the array under a name.
func eventIDs(name string) func(value) iter.Seq2[int, []byte] {
	return func(body value) iter.Seq2[int, []byte] {
		return func(yield func(int, []byte) bool) {
			list, _ := body.get(name)
			i := 0
			for e := range list.elements {
				if id, ok := e.get("event_id"); ok && !yield(i, id.text()) {
					return
				}
				i++
			}
		}
	}
}
