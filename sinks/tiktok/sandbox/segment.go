package sandbox

import "time"

var segmentShape = shape(UnknownField, rules{
	"advertiser_id!": filled, "action": oneOf("create", "delete"),
	"custom_audience_name": filled, "delete_audience_id": filled,
})

// segment is POST /segment/audience/: it creates or deletes a Partner audience.
func (s *Sandbox) segment(call *call) (any, *refusal) {
	body := call.body.root()
	c := s.check(call.now)
	c.object(body, segmentShape)
	action, needed := "create", "custom_audience_name"
	if body.str("action") == "delete" {
		action, needed = "delete", "delete_audience_id"
	}
	if _, ok := body.get(needed); !ok {
		c.missing(needed)
	}
	s.warned(c)
	if !c.ok() {
		return nil, c.result()
	}
	advertiser, r := s.advertiserOf(call, body)
	if r != nil {
		return nil, r
	}
	if action == "delete" {
		return nil, s.audiences.dropSegment(call.now, advertiser, body.str(needed))
	}
	return s.audiences.makeSegment(call.now, advertiser, body.str(needed))
}

func (a *audiences) makeSegment(now time.Time, advertiser, name string) (any, *refusal) {
	a.mu.Lock()
	defer a.mu.Unlock()
	made, r := a.register(now, audience{advertiser: advertiser, name: shortened(name), segment: true, subType: "NORMAL"})
	if r != nil {
		return nil, r
	}
	return map[string]string{"audience_id": made.id}, nil
}

func (a *audiences) dropSegment(now time.Time, advertiser, id string) *refusal {
	a.mu.Lock()
	defer a.mu.Unlock()
	found, r := a.own(now, id, advertiser)
	switch {
	case r != nil:
		return r
	case !found.segment:
		return refuse(codeParameter, "Audience %s is not a Partner audience.", id)
	}
	a.drop(found)
	return nil
}

const maxUsers = 10_000

// idLengths are the hexadecimal lengths of the identifiers a segment takes.
var idLengths = map[string]int{
	"IDFA_SHA256": 64, "IDFA_MD5": 32, "AAID_SHA256": 64, "AAID_MD5": 32, "EMAIL_SHA256": 64, "PHONE_SHA256": 64,
}

var mappingShape = shape(UnknownField, rules{
	"advertiser_ids!": filledList, "action": oneOf("add", "delete"), "id_schema!": idSchema, "batch_data!": users,
})

var elementShape = shape(UnknownField, rules{"id": justText, "audience_ids": filledList})

func justText(c *check, v value) { isText(c, v) }

func filledList(c *check, v value) {
	c.list(v, filled)
	if v.isList() && v.count() == 0 {
		c.wrongValue("Shorter than minimum length 1.")
	}
}

func idSchema(c *check, v value) {
	filledList(c, v)
	seen := map[string]bool{}
	for e := range v.elements {
		kind := upper(e.text())
		if idLengths[kind] == 0 {
			c.wrongValue("Not a valid choice.")
		}
		if seen[kind] {
			c.wrongValue("Duplicate identifier types.")
		}
		seen[kind] = true
	}
}

// users judges the types inside batch_data; what depends on id_schema comes later.
func users(c *check, v value) {
	if c.batchSize(v, "batch_data", maxUsers) {
		c.list(v, func(c *check, row value) { c.list(row, element) })
	}
}

func element(c *check, v value) { c.object(v, elementShape) }

// mapping is POST /segment/mapping/: it adds members to Partner audiences or removes them.
func (s *Sandbox) mapping(call *call) (any, *refusal) {
	body := call.body.root()
	c := s.check(call.now)
	c.object(body, mappingShape)
	if c.ok() {
		c.positions(body)
	}
	s.warned(c)
	if !c.ok() {
		return nil, c.result()
	}
	advertisers, r := s.oneBusiness(call, body)
	if r != nil {
		return nil, r
	}
	if r := call.poison(); r != nil {
		return nil, r
	}
	return nil, s.audiences.apply(call.now, call.changes, advertisers, body.str("action") == "delete")
}

// positions judges the rows against id_schema: position k of a row belongs to type k.
func (c *check) positions(body value) {
	schema, _ := body.get("id_schema")
	kinds := kindsOf(schema)
	data, _ := body.get("batch_data")
	c.at("batch_data")
	c.list(data, func(c *check, row value) { c.user(row, kinds) })
	c.leave()
}

func kindsOf(schema value) (kinds []string) {
	for e := range schema.elements {
		kinds = append(kinds, upper(e.text()))
	}
	return kinds
}

func (c *check) user(row value, kinds []string) {
	if row.count() != len(kinds) {
		c.wrongValue("length must equal id_schema.")
		return
	}
	k, known := 0, false
	for e := range row.elements {
		c.atIndex(k)
		known = c.identifier(e, idLengths[kinds[k]]) || known
		c.leave()
		k++
	}
	if !known {
		c.wrongValue("at least one identifier is required.")
	}
}

// identifier judges one place of a row and reports whether something is there.
func (c *check) identifier(e value, length int) bool {
	if e.count() == 0 {
		return false
	}
	id, hasID := e.get("id")
	_, hasAudiences := e.get("audience_ids")
	switch {
	case !hasID || !hasAudiences:
		c.wrongValue("must be {} or have id and audience_ids.")
	case !anyHex(id.text(), length):
		c.at("id")
		c.wrong(stageValues, codeNotHashed, "Not hashed.")
		c.leave()
	}
	return true
}

// oneBusiness says no unless the call's token reaches all advertisers and they belong together.
func (s *Sandbox) oneBusiness(c *call, body value) (map[string]bool, *refusal) {
	ids, _ := body.get("advertiser_ids")
	all, businesses := map[string]bool{}, map[string]bool{}
	for e := range ids.elements {
		id := string(e.text())
		if r := s.reaches(c, id); r != nil {
			return nil, r
		}
		all[id] = true
		businesses[s.accounts.advertisers[id].Business] = true
	}
	if len(businesses) > 1 {
		return nil, refuse(codeNoPermission, "All advertisers must belong to the same Business account.")
	}
	return all, nil
}
