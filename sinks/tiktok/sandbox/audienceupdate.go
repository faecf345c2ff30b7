package sandbox

import (
	"fmt"
	"slices"
	"time"
)

// audienceUpdate is POST /dmp/custom_audience/update/.
func (s *Sandbox) audienceUpdate(call *call) (any, *refusal) {
	advertiser, r := s.audienceCall(call, updateShape, updateNeeds)
	if r != nil {
		return nil, r
	}
	body := call.body.root()
	a := s.audiences
	a.mu.Lock()
	defer a.mu.Unlock()
	found, r := a.own(call.now, body.str("custom_audience_id"), advertiser)
	if r != nil {
		return nil, r
	}
	return nil, a.update(call.now, found, body)
}

// updateNeeds judges which fields of an update go together.
func updateNeeds(c *check, body value) {
	_, hasName := body.get("custom_audience_name")
	_, hasFiles := body.get("file_paths")
	_, hasAction := body.get("action")
	_, hasSub := body.get("audience_sub_type")
	switch {
	case hasSub && (hasName || hasFiles):
		c.at("audience_sub_type")
		c.warn(IgnoredChange)
		c.leave()
	case !hasName && !hasFiles && !hasSub:
		c.missing("file_paths or custom_audience_name")
	case hasAction && !hasFiles:
		c.at("action")
		c.warn(IgnoredChange)
		c.leave()
	}
}

// update changes an audience that was found. The caller holds the lock.
func (a *audiences) update(now time.Time, to *audience, body value) *refusal {
	action := body.str("action")
	if action == "" {
		action = "REPLACE"
	}
	_, withFiles := body.get("file_paths")
	if r := a.editable(now, to, withFiles && action == "REPLACE"); r != nil {
		return r
	}
	if sub := body.str("audience_sub_type"); sub != "" {
		to.subType = sub
		to.note(now, "update", "audience_sub_type", "")
		return nil
	}
	files, r := a.files(now, body, to.advertiser, to.calculateType)
	if r != nil {
		return r
	}
	if name := body.str("custom_audience_name"); name != "" {
		to.name = name
	}
	if !withFiles {
		to.note(now, "update", "custom_audience_name", "")
		return nil
	}
	to.note(now, action, fmt.Sprintf("%d files", len(files)), "")
	if action == "REPLACE" {
		to.replaced = now
	}
	a.process(now, to, action, files)
	return nil
}

// editable says why an audience cannot be changed now.
func (a *audiences) editable(now time.Time, to *audience, replace bool) *refusal {
	unfinished := to.job != nil && to.job.action == "REPLACE"
	tooSoon := !a.cfg.AllowFastReplace && !to.replaced.IsZero() && now.Sub(to.replaced) < replaceInterval
	switch {
	case to.segment:
		return refuse(codeParameter, "Audience %s is not a customer file audience.", to.id)
	case replace && unfinished:
		return refuse(codeParameter, textUnfinished)
	case !to.usable():
		return refuse(codeParameter, textUneditable)
	case replace && tooSoon:
		return refuse(codeParameter, textUnfinished)
	}
	return nil
}

// audienceDelete is POST /dmp/custom_audience/delete/.
func (s *Sandbox) audienceDelete(call *call) (any, *refusal) {
	advertiser, r := s.audienceCall(call, deleteShape, nil)
	if r != nil {
		return nil, r
	}
	ids, _ := call.body.root().get("custom_audience_ids")
	a := s.audiences
	a.mu.Lock()
	defer a.mu.Unlock()
	var gone []*audience
	for id := range ids.elements {
		found, r := a.own(call.now, string(id.text()), advertiser)
		switch {
		case r != nil:
			return nil, r
		case found.segment:
			return nil, refuse(codeParameter, "Audience %s is a Partner audience.", found.id)
		case !slices.Contains(gone, found):
			gone = append(gone, found)
		}
	}
	for _, one := range gone {
		a.drop(one)
	}
	return nil, nil
}
