package audiencefile

import (
	"path/filepath"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
	"github.com/tokrelay/tokrelay/sinks/audiencefile/build"
)

// Validate reports everything that is wrong with the sink.
func (c *Config) Validate(at settings.Place) {
	audience.ValidateChoice(c.Audience.Name, c.Audience.ID, "required: name or id", `{name: "Lapsed customers"}`, at.Key("audience"))
	if utf8.RuneCountInString(c.Audience.Name) > 128 {
		at.Key("audience").Key("name").Problem("must have at most 128 characters", "")
	}
	member.Validate(section, &c.Identifier, &c.Rules, at)
	if !c.Identifier.Any() {
		at.Key(section).Problem("required: one of the six types", "EMAIL_SHA256: email")
	}
	c.validateSchedule(at)
	c.Guard.validate(at.Key("guard"))
	if c.MaxMemory < 64<<20 || c.MaxMemory > 16<<30 {
		at.Key("max_memory").Problem("must be between 64MiB and 16GiB", "leave it out for the default")
	}
	if c.FileSize < 1e6 || c.FileSize > build.MaxFileSize {
		at.Key("file_size").Problem("must be between 1MB and 240MB", "TikTok takes files of up to 250 MB")
	}
	if c.RetentionDays < 0 || c.RetentionDays > 365 {
		at.Key("retention_in_days").Problem("must be between 0 and 365", "0 keeps the audience as long as it is used")
	}
	c.validateShared(at.Key("share_with"))
	if c.ReadBack.Std() < time.Minute || c.ReadBack.Std() > 24*time.Hour {
		at.Key("read_back").Problem("must be between 1m and 24h", "leave it out for the default")
	}
	if c.WorkFolder != "" && !filepath.IsAbs(c.WorkFolder) {
		at.Key("work_folder").Problem("must be an absolute path", "")
	}
}

// CheckTypes reports what a schema's columns say of the mapping: see member.CheckTypes.
func (c *Config) CheckTypes(k mapping.Kinds, at settings.Place) {
	member.CheckTypes(section, &c.Identifier, &c.Rules, k, at)
}

func (c *Config) validateShared(at settings.Place) {
	if len(c.ShareWith) > audience.MostShared {
		at.Problem("must be at most 10 advertisers", "share it with others by tokrelay audience share")
	}
	for i, id := range c.ShareWith {
		switch {
		case !audience.IsID(id):
			at.Index(i).Problem("must be digits in quotes", "see the account menu of TikTok Ads Manager")
		case slices.Contains(c.ShareWith[:i], id):
			at.Index(i).Problem("is listed twice", "")
		}
	}
}

func (c *Config) validateSchedule(at settings.Place) {
	zone := c.Timezone
	if _, err := time.LoadLocation(zone); err != nil || zone == "" || zone == "Local" {
		at.Key("timezone").Problem("unknown time zone", "write it like Europe/Berlin")
		zone = "UTC"
	}
	if c.Schedule == "" {
		at.Key("schedule").Warn("without a schedule the audience is uploaded on demand only", `"0 3 * * *" uploads at three every night`)
		return
	}
	s, err := newSchedule(c.Schedule, zone)
	if err != nil {
		at.Key("schedule").Problem("must have cron's five fields: minute, hour, day of month, month, day of week", `"0 3 * * *"`)
		return
	}
	if s.oftenerThanDaily() {
		at.Key("schedule").Warn("runs more than once a day; TikTok takes one upload a day of an audience", "")
	}
}

func (g *Guard) validate(at settings.Place) {
	if g.MinMembers < leastMembers {
		at.Key("min_members").Problem("must be at least 1000", "TikTok uses no audience below 1000 members")
	}
	if g.MaxShrink == 1 {
		at.Key("max_shrink").Warn("lets an audience shrink to any size", "")
	}
}
