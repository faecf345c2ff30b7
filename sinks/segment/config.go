package segment

import (
	"time"

	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
)

// Config is `audience_segment` of a sync.
type Config struct {
	Audience    Audience           `yaml:"audience" hint:"audience: {name: Newsletter}, or {id: \"7…\"}" doc:"the audience: {name: …}, found by name or created; {id: …}; {column: …} where the row names its audiences"`
	Identifiers member.Identifiers `yaml:"identifiers" doc:"what a person is matched by: one type of identifier, or several"`
	member.Rules
	MostAudiences int               `yaml:"most_audiences" default:"100" doc:"audiences that rows may name by audience.column, 1 to 400; rows that name more are rejected. TikTok takes 400 of an advertiser"`
	AdvertiserIDs []string          `yaml:"advertiser_ids" doc:"advertisers of one business whose audiences are filled; the connection's if not set"`
	Batch         Batch             `yaml:"batch" doc:"how members are put into calls"`
	ReadBack      settings.Duration `yaml:"read_back" default:"15m" doc:"how often TikTok is asked what the audience holds"`
}

// Batch is how many members share a call, and how long they may wait for it.
type Batch struct {
	MaxUsers int               `yaml:"max_users" default:"1000" doc:"members per call, 1 to 10000"`
	Linger   settings.Duration `yaml:"linger" default:"1s" doc:"how long a member may wait for others; 0s does not wait"`
}

// Audience says which audience is filled.
type Audience struct {
	Name string
	ID   string
	Row  *RowAudience
}

// RowAudience reads the audiences from the row: a list, or one.
type RowAudience struct {
	mapping.Field
	By string // name or id
}

type audienceForm struct {
	Name string `yaml:"name" doc:"found among the advertiser's Partner audiences, or created"`
	ID   string `yaml:"id" doc:"an audience that exists"`
}

type rowAudienceForm struct {
	Column    string `yaml:"column" doc:"the column with the audience, or the list of audiences"`
	Expr      string `yaml:"expr" doc:"an expression that gives them"`
	Separator string `yaml:"separator" doc:"splits a text into several"`
	By        string `yaml:"by" enum:"name,id" default:"name" doc:"what the row holds"`
}

// DecodeNode reads {name}, {id}, or {column | expr, separator, by}.
func (a *Audience) DecodeNode(n *settings.Node, at settings.Place) {
	for _, p := range n.Pairs() {
		if p.Key == "column" || p.Key == "expr" {
			form := settings.WithDefaults(rowAudienceForm{})
			n.Decode(&form, at)
			a.Row = &RowAudience{mapping.Field{Column: form.Column, Expr: form.Expr, Separator: form.Separator}, form.By}
			return
		}
	}
	form := audienceForm{}
	n.Decode(&form, at)
	a.Name, a.ID = form.Name, form.ID
}

// EncodeYAML prints the audience as it was written.
func (a Audience) EncodeYAML() any {
	if a.Row != nil {
		return rowAudienceForm{a.Row.Column, a.Row.Expr, a.Row.Separator, a.Row.By}
	}
	return audienceForm{a.Name, a.ID}
}

// JSONSchema describes the forms of an audience.
func (*Audience) JSONSchema() map[string]any {
	forms := []any{}
	for _, form := range []any{audienceForm{}, rowAudienceForm{}} {
		schema := settings.Schema(form)
		delete(schema, "$schema")
		forms = append(forms, schema)
	}
	return map[string]any{"oneOf": forms}
}

const (
	// section is where identifiers are in the configuration.
	section = "identifiers"

	maxUsers      = 10_000
	maxBytes      = 1_000_000
	mostAudiences = 400 // of an advertiser
)

// Validate reports everything that is wrong with the sink.
func (c *Config) Validate(at settings.Place) {
	c.Audience.validate(at.Key("audience"))
	member.Validate(section, &c.Identifiers, &c.Rules, at)
	if !c.Identifiers.Any() {
		at.Key(section).Problem("required: at least one type", "EMAIL_SHA256: email")
	}
	for i, id := range c.AdvertiserIDs {
		if !audience.IsID(id) {
			at.Key("advertiser_ids").Index(i).Problem("must be digits in quotes", "see the account menu of TikTok Ads Manager")
		}
	}
	if c.Batch.MaxUsers < 1 || c.Batch.MaxUsers > maxUsers {
		at.Key("batch").Key("max_users").Problem("must be between 1 and 10000", "leave it out for the default")
	}
	if c.MostAudiences < 1 || c.MostAudiences > mostAudiences {
		at.Key("most_audiences").Problem("must be between 1 and 400", "leave it out for the default; an advertiser has room for 400 audiences")
	}
	if c.Batch.Linger.Std() > time.Minute {
		at.Key("batch").Key("linger").Problem("must be between 0s and 1m", "")
	}
	if c.ReadBack.Std() < time.Minute {
		at.Key("read_back").Problem("must be at least 1m", "leave it out for the default")
	}
}

func (a *Audience) validate(at settings.Place) {
	if a.Row != nil {
		a.Row.Validate(at)
		return
	}
	audience.ValidateChoice(a.Name, a.ID, "required: name, id or column", `{name: "Newsletter"}`, at)
	if audience.Shortened(a.Name) != a.Name {
		at.Key("name").Warn("is longer than 70 characters: TikTok cuts it to 67 and three dots", "")
	}
}

// CheckTypes reports what a schema's columns say of the mapping: see member.CheckTypes.
func (c *Config) CheckTypes(k mapping.Kinds, at settings.Place) {
	member.CheckTypes(section, &c.Identifiers, &c.Rules, k, at)
	if c.Audience.Row != nil {
		c.Audience.Row.CheckTypes(k, at.Key("audience"))
	}
}
