package settings

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

type part struct {
	Wait  Duration  `yaml:"wait" default:"30s"`
	Retry *Duration `yaml:"retry" default:"1m"`
	Size  Size      `yaml:"size" default:"16MiB"`
	Share Percent   `yaml:"share" default:"50%"`
	Count int       `yaml:"count" default:"5"`
	Rate  float64   `yaml:"rate" default:"2.5"`
	On    bool      `yaml:"on" default:"true"`
	Word  string    `yaml:"word" default:"as above"`
	Zero  int       `yaml:"zero"`
	Off   bool      `yaml:"off"`
}

type parts struct {
	Part part `yaml:"part"`
	part
	Pointer *part           `yaml:"pointer"`
	List    []part          `yaml:"list"`
	Map     map[string]part `yaml:"map"`
}

func usual() part {
	minute := Duration(time.Minute)
	return part{Wait: Duration(30 * time.Second), Retry: &minute, Size: 16 << 20, Share: 0.5, Count: 5, Rate: 2.5, On: true, Word: "as above"}
}

func TestWhatTheTextLeavesOutIsTheDefaultAtEveryDepth(t *testing.T) {
	for _, text := range []string{"pointer: {}\nlist: [{}, {}]\nmap: {a: {}}", "pointer: {wait: , count: null}\nlist: [{off: false}, null]\nmap: {a: }"} {
		var got parts
		if err := Load([]byte(text), &got, Lookup{}).Err(); err != nil {
			t.Fatal(err)
		}
		other := usual()
		want := parts{Part: usual(), part: usual(), Pointer: &other, List: []part{usual(), usual()}, Map: map[string]part{"a": usual()}}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", text, got, want)
		}
	}
	var none parts
	if Load(nil, &none, Lookup{}); none.Pointer != nil || none.List != nil || none.Map != nil || none.Part.Count != 5 {
		t.Errorf("got %+v, want the defaults and no part that the text does not have", none)
	}
}

func TestAZeroThatIsWrittenStaysZero(t *testing.T) {
	const zeros = "{wait: 0s, retry: 0s, size: 0, share: 0%, count: 0, rate: 0, on: false, word: ''}"
	want := part{Retry: new(Duration)}
	var got parts
	if err := Load([]byte("part: "+zeros+"\npointer: "+zeros+"\nlist: ["+zeros+"]\nmap: {a: "+zeros+"}"), &got, Lookup{}).Err(); err != nil {
		t.Fatal(err)
	}
	for where, p := range map[string]part{"struct": got.Part, "pointer": *got.Pointer, "list": got.List[0], "map": got.Map["a"]} {
		if !reflect.DeepEqual(p, want) {
			t.Errorf("%s: got %+v, want zeros", where, p)
		}
	}
	printed := string(Effective(struct {
		Part part `yaml:"part"`
	}{got.Part}))
	if want := "part:\n  wait: \"0s\"\n  retry: \"0s\"\n  size: \"0\"\n  share: \"0%\"\n  count: 0\n  rate: 0\n  \"on\": false\n  word: \"\"\n"; printed != want {
		t.Errorf("got:\n%s\nwant:\n%s", printed, want)
	}
	var again parts
	if err := Load([]byte(printed), &again, Lookup{}).Err(); err != nil || !reflect.DeepEqual(again.Part, want) {
		t.Errorf("printed and read again: got %+v, %v", again.Part, err)
	}
}

func TestAConfigurationBuiltInCodeIsFilledWhereItIsZero(t *testing.T) {
	want := usual()
	want.Count, want.Word = 7, "mine"
	if got := WithDefaults(part{Count: 7, Word: "mine"}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestATagThatCannotBeReadIsAPanic(t *testing.T) {
	defer func() {
		if said, _ := recover().(string); !strings.Contains(said, `default:"all of them"`) {
			t.Errorf("got panic %q, want one that names the tag", said)
		}
	}()
	WithDefaults(struct {
		List []string `yaml:"list" default:"all of them"`
	}{})
}

func TestWhereAVariableMayBeAbsentAQuantityKeepsItsDefault(t *testing.T) {
	var absent []string
	var got parts
	err := Load([]byte("part: {wait: '${A}', retry: '${A}', size: '${A}', share: '${A}', count: '${A}', rate: '${A}', on: '${A}', word: '${B}'}"), &got,
		Lookup{Absent: func(name string) { absent = append(absent, name) }}).Err()
	want := usual()
	want.Word = "0"
	if err != nil || !reflect.DeepEqual(got.Part, want) || strings.Join(absent, "") != "AAAAAAAB" {
		t.Errorf("got %+v, %v, absent %v, want %+v", got.Part, err, absent, want)
	}
}

func TestAListedWordIsAskedForHoweverItIsWritten(t *testing.T) {
	for _, text := range []string{"other", "5", "1.5", "''"} {
		var s shop
		if err := Load([]byte("syncs: [{start: "+text+"}]"), &s, Lookup{}).Err(); err == nil || !strings.Contains(err.Error(), "must be one of earliest, latest, fail") {
			t.Errorf("%s: got %v, want it refused", text, err)
		}
	}
}
