package audiencefile

import (
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
)

// Config is `audience_file` of a sync.
type Config struct {
	Audience   Audience           `yaml:"audience" hint:"audience: {name: Newsletter}, or {id: \"7…\"}" doc:"the audience: {name: …}, found by name or created, or {id: …}"`
	Identifier member.Identifiers `yaml:"identifier" doc:"what a person is matched by: one type of identifier; several make files of type MULTIPLE_TYPES"`
	member.Rules
	Schedule      string            `yaml:"schedule" doc:"when the audience is uploaded, in cron's five fields; without it only on demand"`
	Timezone      string            `yaml:"timezone" default:"UTC" doc:"the time zone of the schedule: Europe/Berlin"`
	Guard         Guard             `yaml:"guard" doc:"what stops an upload that looks wrong"`
	MaxMemory     settings.Size     `yaml:"max_memory" default:"256MiB" doc:"memory for building the files, 64MiB to 16GiB; what does not fit goes to work_folder"`
	WorkFolder    string            `yaml:"work_folder" doc:"private folder for files being built; default: a folder of the user's cache"`
	KeepState     bool              `yaml:"keep_state" default:"true" doc:"keep hashes of the last run in work_folder, so that the next one reads only what changed"`
	FileSize      settings.Size     `yaml:"file_size" default:"50MB" doc:"files are split at this size, 1MB to 240MB; larger where there would be more than 50"`
	RetentionDays int               `yaml:"retention_in_days" default:"0" doc:"a new audience expires this many days after its creation, 1 to 365; 0: a year after its last upload or use"`
	SubType       string            `yaml:"sub_type" enum:"normal,reach_frequency" default:"normal" doc:"a new audience is for campaigns of this kind: reach_frequency for those of Reach & Frequency"`
	ShareWith     []string          `yaml:"share_with" doc:"other advertisers of the Business Center, at most 10, that may use the audience: it is shared with them once it is usable"`
	ReadBack      settings.Duration `yaml:"read_back" default:"15m" doc:"how often TikTok is asked whether it has processed an upload"`
}

// Guard is what stops an upload that looks wrong.
type Guard struct {
	MinMembers  int              `yaml:"min_members" default:"1000" doc:"fewer members are never uploaded; TikTok uses no audience below 1000"`
	MaxShrink   settings.Percent `yaml:"max_shrink" default:"50%" doc:"an audience that shrank by more since the last upload waits for --force; 0% lets none shrink"`
	MaxRejected settings.Percent `yaml:"max_rejected" default:"50%" doc:"the run stops when more of a thousand rows in a row are rejected: the mapping is probably wrong; 0% allows none"`
}

// Audience says which audience is filled.
type Audience struct {
	Name string `yaml:"name" doc:"found among the advertiser's file audiences, or created"`
	ID   string `yaml:"id" doc:"an audience that exists"`
}

// section is where a member's identifiers are in the configuration.
const section = "identifier"

// leastMembers is the smallest audience TikTok uses.
const leastMembers = 1000
