package audiencefile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
	"github.com/tokrelay/tokrelay/sinks/audiencefile/build"
)

// Plan is one sync's mapping, compiled. It never changes and may be shared by goroutines.
type Plan struct {
	cfg      Config
	now      func() time.Time
	members  member.Mapping
	layout   build.Layout
	schedule *schedule // nil: on demand only
	mapping  string    // tells one mapping from another
}

// New compiles a Config that Validate has passed. cols learns the columns the plan reads; now is the clock.
func New(cfg Config, cols *mapping.Columns, now func() time.Time) (*Plan, error) {
	report := &settings.Report{}
	cfg.Validate(settings.Root(report))
	if err := report.Err(); err != nil {
		return nil, fmt.Errorf("compile audience_file: %w", err)
	}
	p := &Plan{cfg: cfg, now: now}
	var err error
	if p.members, err = member.Compile(section, &cfg.Identifier, &cfg.Rules, cols); err != nil {
		return nil, err
	}
	p.layout = newLayout(p.members.Readers)
	if cfg.Schedule != "" {
		if p.schedule, err = newSchedule(cfg.Schedule, p.cfg.Timezone); err != nil {
			return nil, err
		}
	}
	p.mapping, err = fingerprint(&cfg)
	return p, err
}

// File is the text of an upload with lines of preview: each once, in order.
func (p *Plan) File(lines []string) string {
	lines = slices.Clone(lines)
	slices.Sort(lines)
	var text strings.Builder
	text.WriteString(p.layout.Header)
	for _, line := range slices.Compact(lines) {
		text.WriteString(line + "\n")
	}
	return text.String()
}

// Kinds are the types of identifiers in a line, in the order of its columns.
func (p *Plan) Kinds() (kinds []member.Kind) {
	for i := range p.members.Readers {
		kinds = append(kinds, p.members.Readers[i].Kind)
	}
	return kinds
}

// headers are the types' columns in a file of several.
var headers = [member.Kinds]string{"email_SHA256", "phone_SHA256", "MAID_SHA256", "MAID_MD5", "MAID_SHA256", "MAID_MD5"}

// multipleTypes is the calculate_type of files with several columns; of one column it is the type's name.
const multipleTypes = "MULTIPLE_TYPES"

// newLayout makes a column for each mapped type.
func newLayout(ids []member.Reader) build.Layout {
	l := build.Layout{Kind: ids[0].Kind.Name()}
	var names []string
	for _, id := range ids {
		l.Add(id.Kind.Size())
		names = append(names, headers[id.Kind])
	}
	if len(ids) > 1 {
		l.Kind, l.Header = multipleTypes, strings.Join(names, ",")+"\n"
	}
	return l
}

// fingerprint tells configurations apart that make other lines of the same rows.
func fingerprint(c *Config) (string, error) {
	all := []any{c.Identifier, c.Hash, c.StripPlusTag, c.StripDots, c.DefaultCountry, c.MemberWhen}
	if c.RequireIdentifier {
		all = append(all, "require_identifier")
	}
	text, err := json.Marshal(all)
	if err != nil {
		return "", fmt.Errorf("describe the mapping: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8]), nil
}
