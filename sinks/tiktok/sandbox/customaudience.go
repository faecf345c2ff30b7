package sandbox

import (
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"
)

// pathLength is the length of every file_path.
const pathLength = 16

var createShape = shape(UnknownField, rules{
	"advertiser_id!": filled, "custom_audience_name!": name, "file_paths!": filePaths, "calculate_type!": filled,
	"audience_sub_type": oneOf("NORMAL", "REACH_FREQUENCY"), "retention_in_days": retention, "audience_enhancement": boolean,
})

var updateShape = shape(UnknownField, rules{
	"advertiser_id!": filled, "custom_audience_id!": filled, "custom_audience_name": name, "file_paths": filePaths,
	"action": oneOf("REPLACE", "APPEND", "REMOVE"), "audience_sub_type": oneOf("REACH_FREQUENCY"), "audience_enhancement": boolean,
})

var deleteShape = shape(UnknownField, rules{"advertiser_id!": filled, "custom_audience_ids!": hundredIDs})

func name(c *check, v value) {
	if n := utf8.RuneCount(v.text()); isText(c, v) && (n < 1 || n > maxName) {
		c.wrongValue(fmt.Sprintf("Length must be between 1 and %d.", maxName))
	}
}

func filePaths(c *check, v value) {
	c.list(v, filePath)
	if n := v.count(); v.isList() && (n < 1 || n > 500) {
		c.wrongValue("Length must be between 1 and 500.")
	}
}

func filePath(c *check, v value) {
	if isText(c, v) && len(v.text()) != pathLength {
		c.wrongValue(fmt.Sprintf("Length must be %d.", pathLength))
	}
}

func retention(c *check, v value) {
	integer(c, v)
	if c.done() {
		return
	}
	if days, _ := strconv.Atoi(string(v.raw())); days < 1 || days > 365 {
		c.wrongValue("Must be between 1 and 365.")
	}
}

func hundredIDs(c *check, v value) {
	c.list(v, filled)
	if n := v.count(); v.isList() && (n < 1 || n > 100) {
		c.wrongValue("Length must be between 1 and 100.")
	}
}

// audienceCall judges the body of an audience call and its advertiser.
func (s *Sandbox) audienceCall(call *call, shape *schema, more func(*check, value)) (string, *refusal) {
	body := call.body.root()
	c := s.check(call.now)
	c.object(body, shape)
	if more != nil && !c.done() {
		more(c, body)
	}
	s.warned(c)
	if !c.ok() {
		return "", c.result()
	}
	return s.advertiserOf(call, body)
}

// audienceCreate is POST /dmp/custom_audience/create/.
func (s *Sandbox) audienceCreate(call *call) (any, *refusal) {
	advertiser, r := s.audienceCall(call, createShape, nil)
	if r != nil {
		return nil, r
	}
	body := call.body.root()
	kind := body.str("calculate_type")
	if uploadTypes[kind] == 0 && kind != multipleTypes || kind == "MAID_SHA256" || kind == "MAID_MD5" {
		return nil, refuse(codeCalculateType, "The calculate_type is not supported.")
	}
	a := s.audiences
	a.mu.Lock()
	defer a.mu.Unlock()
	files, r := a.files(call.now, body, advertiser, kind)
	if r != nil {
		return nil, r
	}
	made, r := a.register(call.now, audience{
		advertiser: advertiser, name: body.str("custom_audience_name"), calculateType: kind, retention: number64(body, "retention_in_days"),
		subType: orNormal(body.str("audience_sub_type")),
	})
	if r != nil {
		return nil, r
	}
	a.process(call.now, made, "create", files)
	return map[string]string{"custom_audience_id": made.id}, nil
}

func orNormal(sub string) string {
	if sub == "" {
		return "NORMAL"
	}
	return sub
}

func number64(body value, name string) int {
	v, ok := body.get(name)
	if !ok {
		return 0
	}
	n, _ := strconv.Atoi(string(v.raw()))
	return n
}

// files finds the uploads a call names. The caller holds the lock.
func (a *audiences) files(now time.Time, body value, advertiser, kind string) (list []*upload, r *refusal) {
	paths, _ := body.get("file_paths")
	for p := range paths.elements {
		u, ok := a.uploads[string(p.text())]
		switch {
		case !ok || u.Advertiser != advertiser:
			return nil, refuse(codeFileMissing, "The file does not exist.")
		case !now.Before(u.expires):
			return nil, refuse(codeFileExpired, "The file has expired.")
		case u.Type != kind:
			return nil, refuse(codeCalculateType, "The calculate_type does not match that of the file.")
		}
		list = append(list, u)
	}
	return list, nil
}

// process starts what happens to an audience after it was given files. The caller holds the lock.
func (a *audiences) process(now time.Time, to *audience, action string, files []*upload) {
	for _, u := range files {
		u.Used++
	}
	to.job = &job{action, files, now.Add(a.cfg.Processing)}
	to.settle(now, a.cfg.MatchRate)
}
