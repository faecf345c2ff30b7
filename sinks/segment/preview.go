package segment

import (
	"cmp"
	"encoding/json"
	"strconv"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// Preview shows what rows would have TikTok told, one after the other, of an audience of its own that begins empty. It
// reaches nothing: audiences are in requests by the names the configuration or the row has for them. Its items are
// elements of requests. It belongs to one goroutine.
type Preview struct {
	plan    *Plan
	maker   *Maker
	local   *owners.Local
	rows    int
	keyless map[string][]byte // keys given to rows that have none, by their digests
}

// NewPreview makes a Preview that has seen no row.
func (p *Plan) NewPreview() *Preview {
	return &Preview{plan: p, maker: p.Maker(), local: owners.NewLocal(""), keyless: map[string][]byte{}}
}

// Make appends what TikTok is told of the row, deletes first. Its error is a *pipeline.Rejection or a pipeline.SkipReason. A row
// without key is the one that had the digests of its old image.
func (v *Preview) Make(items *pipeline.Items, row int, c *pipeline.Change) error {
	keyless := len(c.Key) == 0
	if keyless {
		c.Key = v.keyOf(c)
	}
	v.maker.digests.Notes = items.Notes
	t, err := v.maker.says(c)
	if err != nil {
		return err
	}
	if keyless && len(t.now) > 0 {
		v.keyless[string(t.now)] = c.Key
	}
	told := v.become(items, row, c, &t, false)
	switch {
	case told.Lacks:
		return unavailable(section)
	case len(told.Sayings) > 0:
		return nil
	case t.member && len(t.now) == 0 && t.kept == 0:
		return pipeline.SkipNoIdentifier
	case !told.Member && !told.Knew:
		return pipeline.SkipNotMember
	}
	return pipeline.SkipNoChange
}

func (v *Preview) keyOf(c *pipeline.Change) []byte {
	if c.Before.Present {
		if key, ok := v.keyless[string(v.maker.beforeIn(nil, c, &c.Before))]; ok {
			return key
		}
	}
	v.rows++
	return strconv.AppendInt([]byte("row "), int64(v.rows), 10)
}

// Leave appends what a rejected or filtered row would have TikTok told: its member leaves.
func (v *Preview) Leave(items *pipeline.Items, row int, c *pipeline.Change, why error) {
	t := v.maker.leaving(c, why)
	v.become(items, row, c, &t, !t.filtered)
}

// become appends what follows of what the row says.
func (v *Preview) become(items *pipeline.Items, row int, c *pipeline.Change, t *says, rejected bool) owners.Told {
	a := t.assertion(&pipeline.Record{}, nil)
	a.Rejected = rejected
	told := v.local.Row("", c.Key, &a)
	order := inOrder(told.Sayings)
	for len(order) > 0 {
		var of cells
		n := v.plan.fill(&of, order)
		own := &v.plan.cfg.Audience
		v.plan.emit(items, int32(row), order[0], &of, jsonOf([]string{cmp.Or(string(order[0].Audience), own.ID, own.Name)}))
		order = order[n:]
	}
	return told
}

// Line is an element of a request as preview prints it: {"action":"add","ids":{"EMAIL_SHA256":"…"}}.
func (p *Plan) Line(envelope string, body []byte) ([]byte, error) {
	var cells []cell
	if err := json.Unmarshal(body, &cells); err != nil {
		return nil, err
	}
	action, past, _ := readEnvelope(envelope)
	line := append([]byte(`{"action":"`), action...)
	line = append(line, `","ids":{`...)
	first := true
	for i, cell := range cells {
		if cell.ID == "" {
			continue
		}
		if !first {
			line = append(line, ',')
		}
		first = false
		line = append(append(append(line, '"'), p.typeAt(i, past)...), `":"`...)
		line = append(append(line, cell.ID...), '"')
	}
	return append(line, "}}"...), nil
}

// typeAt is the configuration's name for a place in id_schema.
func (p *Plan) typeAt(i int, past string) string {
	if past != "" {
		return kindNamed(past).Name()
	}
	return p.members.Readers[i].Kind.Name()
}
