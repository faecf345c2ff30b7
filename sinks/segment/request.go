package segment

import (
	"cmp"
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
)

// wires are the types in id_schema: TikTok's Segment API says AAID where its File API says GAID.
var wires = [member.Kinds]string{"EMAIL_SHA256", "PHONE_SHA256", "IDFA_SHA256", "IDFA_MD5", "AAID_SHA256", "AAID_MD5"}

// Endpoint is where memberships go, below the API's base.
const Endpoint = "/segment/mapping/"

// Limits are how many members a call may hold, and how many bytes.
func (p *Plan) Limits() (maxItems, maxBytesOfCall int) { return p.cfg.Batch.MaxUsers, maxBytes }

// The actions. An envelope is an action; or an action, a space and the number of a type the configuration no longer has,
// whose digests still have to leave. Where rows name their audiences a tab and the audience follow: one that is refused must not
// hold up the others' calls.
const (
	add    = "add"
	remove = "delete"
)

// compileRequest writes what is the same in every call.
func (p *Plan) compileRequest() {
	ids, _ := json.Marshal(p.cfg.AdvertiserIDs) // a list of strings always encodes
	p.head = append(append([]byte(`{"advertiser_ids":`), ids...), `,"action":"`...)
	var schema []string
	for _, id := range p.members.Readers {
		schema = append(schema, wires[id.Kind])
		p.mapped[id.Kind] = true
	}
	p.schema = schemaOf(schema)
}

// AppendRequest writes the body of a call with these members.
func (p *Plan) AppendRequest(dst []byte, envelope string, bodies [][]byte) []byte {
	action, past, _ := readEnvelope(envelope)
	dst = append(append(dst, p.head...), action...)
	dst = append(dst, p.schemaOf(past)...)
	for i, body := range bodies {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, body...)
	}
	return append(dst, "]}"...)
}

func readEnvelope(envelope string) (action, past, audience string) {
	call, audience, _ := strings.Cut(envelope, "\t")
	action, past, _ = strings.Cut(call, " ")
	return action, past, audience
}

// Destination is the audience of an envelope, in words.
func (p *Plan) Destination(envelope string) string {
	_, _, audience := readEnvelope(envelope)
	return "audience " + cmp.Or(audience, p.cfg.Audience.Name, p.cfg.Audience.ID)
}

// Ask is how a target is asked about an envelope's audience: see audience.Target.Ask.
func (p *Plan) Ask(t *audience.Target) func(ctx context.Context, envelope string) string {
	return func(ctx context.Context, envelope string) string {
		_, _, name := readEnvelope(envelope)
		return t.Ask(ctx, name)
	}
}

// Misdirected is the reason of rows whose own audience is refused; "" where the configuration chooses it.
func (p *Plan) Misdirected() pipeline.Reason {
	if p.audience == nil {
		return ""
	}
	return pipeline.UnknownAudience
}

func (p *Plan) schemaOf(past string) []byte {
	if past == "" {
		return p.schema
	}
	return schemaOf([]string{wires[kindNamed(past)]})
}

// kindNamed is the type an envelope names by its number.
func kindNamed(number string) member.Kind {
	kind, _ := strconv.Atoi(number) // Plan.emit wrote it
	return member.Kind(kind)
}

func schemaOf(types []string) []byte {
	list, _ := json.Marshal(types) // a list of strings always encodes
	return append(append([]byte(`","id_schema":`), list...), `,"batch_data":[`...)
}
