package sandbox

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// query reads the parameters of a GET call and keeps the first problem.
type query struct {
	values  url.Values
	problem *refusal
}

func (c *call) query() *query { return &query{values: c.r.URL.Query()} }

func (q *query) refuse(name, rule string) {
	if q.problem == nil {
		q.problem = refuse(codeParameter, "%s: %s", name, rule)
	}
}

func (q *query) need(names ...string) {
	absent := slices.DeleteFunc(names, q.values.Has)
	if len(absent) > 0 && q.problem == nil {
		q.problem = missing(absent...)
	}
}

// number reads a whole number within bounds.
func (q *query) number(name string, usual, low, high int) int {
	if !q.values.Has(name) {
		return usual
	}
	n, err := strconv.Atoi(q.values.Get(name))
	switch {
	case err != nil:
		q.refuse(name, "Not a valid integer")
	case n < low || n > high:
		q.refuse(name, fmt.Sprintf("Must be between %d and %d.", low, high))
	}
	return n
}

// ids reads a JSON array of strings.
func (q *query) ids(name string, high int) (ids []string) {
	if !q.values.Has(name) {
		return nil
	}
	switch err := json.Unmarshal([]byte(q.values.Get(name)), &ids); {
	case err != nil:
		q.refuse(name, "Not a valid list")
	case len(ids) < 1 || len(ids) > high:
		q.refuse(name, fmt.Sprintf("Length must be between 1 and %d.", high))
	}
	return ids
}

// pageInfo is the pagination part of an answer.
type pageInfo struct {
	Page        int `json:"page"`
	PageSize    int `json:"page_size"`
	TotalNumber int `json:"total_number"`
	TotalPage   int `json:"total_page"`
}

// pageOf cuts one page out of a list.
func pageOf[T any](list []T, page, size int) ([]T, pageInfo) {
	info := pageInfo{page, size, len(list), (len(list) + size - 1) / size}
	low := min((page-1)*size, len(list))
	return append([]T{}, list[low:min(low+size, len(list))]...), info
}

// audienceGet is GET /dmp/custom_audience/get/.
func (s *Sandbox) audienceGet(c *call) (any, *refusal) {
	q := c.query()
	q.need("advertiser_id", "custom_audience_ids")
	ids, size := q.ids("custom_audience_ids", 100), q.number("history_size", 100, 1, 100)
	advertiser, r := s.queried(c, q)
	if r != nil {
		return nil, r
	}
	a := s.audiences
	a.mu.Lock()
	defer a.mu.Unlock()
	list := []any{}
	for _, id := range ids {
		found, r := a.find(c.now, id, advertiser)
		if r != nil {
			return nil, r
		}
		details := found.details(c.now, advertiser)
		details["type"] = found.kind()
		history := found.histories(size)
		list = append(list, map[string]any{"audience_details": details, "audience_history": history})
	}
	return map[string]any{"list": list}, nil
}

// audienceList is GET /dmp/custom_audience/list/.
func (s *Sandbox) audienceList(c *call) (any, *refusal) {
	q := c.query()
	q.need("advertiser_id")
	ids, page, size := q.ids("custom_audience_ids", 100), q.number("page", 1, 1, 1<<30), q.number("page_size", 10, 1, 100)
	advertiser, r := s.queried(c, q)
	if r != nil {
		return nil, r
	}
	a := s.audiences
	a.mu.Lock()
	defer a.mu.Unlock()
	all := []any{}
	for _, one := range slices.Backward(a.order) {
		if one.advertiser != advertiser && !slices.Contains(one.shared, advertiser) || ids != nil && !slices.Contains(ids, one.id) {
			continue
		}
		one.settle(c.now, s.cfg.MatchRate)
		details := one.details(c.now, advertiser)
		details["audience_type"] = one.kind()
		if one.segment {
			details["audience_type"] = "Partner Audience"
		}
		all = append(all, details)
	}
	list, info := pageOf(all, page, size)
	return map[string]any{"list": list, "page_info": info}, nil
}

// queried ends the reading of a query: its problems, then its advertiser's.
func (s *Sandbox) queried(c *call, q *query) (string, *refusal) {
	if q.problem != nil {
		return "", q.problem
	}
	advertiser := q.values.Get("advertiser_id")
	return advertiser, s.reaches(c, advertiser)
}

func (a *audience) kind() string {
	if a.segment {
		return "Partner"
	}
	return "Customer File Audience"
}

// owner is the account that made the audience; the owner of a shared one is a stranger.
func (a *audience) owner() string {
	if a.foreign {
		return numbered("79", 1)
	}
	return a.advertiser
}

// details are the fields TikTok shows an advertiser of an audience.
func (a *audience) details(now time.Time, reader string) map[string]any {
	kind := a.calculateType
	if a.segment {
		kind = multipleTypes
	}
	return map[string]any{
		"audience_id": a.id, "name": a.name, "audience_sub_type": a.subType, "calculate_type": kind,
		"cover_num": a.visibleCover(), "is_valid": a.usable(), "is_expiring": a.expires().Sub(now) < expiringSoon,
		"is_creator": a.ownedBy(reader), "shared": a.foreign || len(a.shared) > 0, "is_auto_refresh": false, "owner_id": a.owner(),
		"msg": nil, "error_msg": orNull(a.failure), "create_time": stamp(a.created), "expired_time": stamp(a.expires()),
		"rule": "{}", "lookalike_spec": nil,
	}
}

// histories are the newest entries of an audience's history, newest first.
func (a *audience) histories(size int) []map[string]any {
	list := []map[string]any{}
	for _, h := range slices.Backward(a.history) {
		if len(list) == size {
			break
		}
		list = append(list, map[string]any{
			"action": h.Action, "action_detail": h.Detail, "editor": h.Editor, "msg": orNull(h.Msg), "opt_time": stamp(h.Time),
		})
	}
	return list
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// stamp writes a time as TikTok does.
func stamp(t time.Time) string { return t.UTC().Format(time.DateTime) }
