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
}

// endpoints is everything under /open_api/v1.3.
func endpoints() []endpoint {
	get, post := http.MethodGet, http.MethodPost
	return []endpoint{
		{path: "/event/track/", method: post, form: formJSON, scope: ScopeEvents, limit: limitEvents, answer: (*Sandbox).track, ids: eventIDs("data")},
		{path: "/pixel/list/", method: get, scope: ScopePixelList, answer: (*Sandbox).pixelList},
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
