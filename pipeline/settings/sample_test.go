package settings

import "slices"

// shop is a configuration with every kind of setting, as the packages of tokrelay have them.
type shop struct {
	Kafka struct {
		Brokers []string `yaml:"brokers" doc:"host:port of some brokers"`
		Group   string   `yaml:"group" default:"tokrelay" doc:"prefix of the consumer groups"`
		TLS     *tlsPart `yaml:"tls"`
	} `yaml:"kafka"`
	Connections map[string]connection `yaml:"connections"`
	Limits      limits                `yaml:"limits"`
	Syncs       []sync                `yaml:"syncs"`
	Labels      map[string]any        `yaml:"labels"`
	Skipped     string                // no tag: no setting
}

type tlsPart struct {
	CAFile string `yaml:"ca_file"`
	Insecure
}

// Insecure is laid flat into tls.
type Insecure struct {
	SkipVerify bool `yaml:"insecure_skip_verify"`
}

type connection struct {
	AdvertiserID string `yaml:"advertiser_id"`
	Token        Secret `yaml:"access_token"`
	BaseURL      string `yaml:"base_url"`
}

type limits struct {
	Calls   int      `yaml:"calls" default:"10"`
	Small   int8     `yaml:"small"`
	Count   uint16   `yaml:"count"`
	Rate    float64  `yaml:"rate"`
	Wait    Duration `yaml:"wait"`
	Memory  Size     `yaml:"memory"`
	Shrink  Percent  `yaml:"shrink"`
	Enabled bool     `yaml:"enabled"`
}

type sync struct {
	Name   string           `yaml:"name"`
	Start  string           `yaml:"start" enum:"earliest,latest,fail" default:"earliest"`
	Fields map[string]field `yaml:"fields"`
	Topics list             `yaml:"topics"`
}

// field has two forms: a column's name, or a map.
type field struct{ Column, Default string }

func (f *field) DecodeNode(n *Node, at Place) {
	if n.Kind() == String {
		f.Column = n.Text()
		return
	}
	long := struct {
		Column  string `yaml:"column"`
		Default string `yaml:"default"`
	}{}
	n.Decode(&long, at)
	f.Column, f.Default = long.Column, long.Default
}

func (f field) EncodeYAML() any {
	if f.Default == "" {
		return f.Column
	}
	return map[string]string{"column": f.Column, "default": f.Default}
}

func (field) JSONSchema() map[string]any {
	return map[string]any{"anyOf": []any{map[string]any{"type": "string"}, map[string]any{"type": "object"}}}
}

// list is one text or several.
type list []string

func (l *list) DecodeNode(n *Node, at Place) {
	switch n.Kind() {
	case List:
		n.Decode((*[]string)(l), at)
	case String:
		*l = list{n.Text()}
	default:
		at.Problem("must be text or a list of texts", "")
	}
}

func (list) JSONSchema() map[string]any { return map[string]any{"type": []string{"string", "array"}} }

func (s *shop) Validate(at Place) {
	if len(s.Kafka.Brokers) == 0 {
		at.Key("kafka").Key("brokers").Problem("required", "the host:port of a broker")
	}
	for i := range s.Syncs {
		s.Syncs[i].validate(at.Key("syncs").Index(i))
	}
}

func (s *sync) validate(at Place) {
	if s.Name == "" {
		at.Key("name").Problem("required", "")
	}
	if len(s.Topics) == 0 {
		at.Key("topics").Problem("required", "")
	}
	if _, ok := s.Fields["event_time"]; !ok {
		at.Key("fields").Key("event_time").Problem("required", "map a time column")
	}
	if slices.Contains(s.Topics, "") {
		at.Key("topics").Problem("a topic must have a name", "")
	}
}

var variables = map[string]string{
	"TOKEN": "s3cret#with:marks$$", "PORT": "9092", "RATE": "2.5", "YES": "true", "EMPTY": "", "WAIT": "5m", "NAME": "0123",
}

func lookup() Lookup {
	l := Vars(variables)
	l.File = func(path string) ([]byte, error) { return files.ReadFile("testdata/files/" + path) }
	return l
}
