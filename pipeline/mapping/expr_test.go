package mapping

import (
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

var exprRow = columns{"status": str("paid"), "amount": pipeline.DecimalValue(1999, 2), "qty": num(100), "empty": pipeline.NullValue(),
	"at": pipeline.InstantValue(noon.Unix()-3600, 0), "day": pipeline.DateValue(20666), "odd-name": num(7), "json": jsn(`{"user":{"tags":["a","b"]},"n":1.5}`),
	"items": pipeline.ListValue([]pipeline.Value{pipeline.StructValue([]string{"sku", "qty"}, []pipeline.Value{str("s"), num(2)})}), "flag": num(1),
	"word": str("t"), "unread": pipeline.UnavailableValue(), "count": num(3), "op": str("column"), "big": pipeline.BigDecimalValue([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0}, 0)}

func TestExpressionsReadTheRow(t *testing.T) {
	for text, want := range map[string]string{
		`status`:                       "string paid",
		`after.status`:                 "string paid",
		`before.status`:                "null",
		`before?.status`:               "null",
		`before == nil`:                "bool true",
		`after != nil`:                 "bool true",
		`op`:                           "string insert",
		`after.op`:                     "string column",
		`after["odd-name"] + 1`:        "int 8",
		`amount * qty`:                 "float 1999",
		`amount + 0.01`:                "float 20",
		`empty ?? "x"`:                 "string x",
		`missing`:                      "null",
		`now() - at > duration("30m")`: "bool true",
		`at < date("2026-08-02")`:      "bool true",
		`date("2026-11-29 07:00 EST", "2006-01-02 15:04 MST", "America/New_York")`: "instant 2026-11-29T12:00:00Z",
		`date("2026-11-29 12:00 UTC", "2006-01-02 15:04 MST")`:                     "instant 2026-11-29T12:00:00Z",
		`date("2026-11-29 12:00 GMT", "2006-01-02 15:04 MST")`:                     "instant 2026-11-29T12:00:00Z",
		`date("2026-11-29T14:00:00+02:00")`:                                        "instant 2026-11-29T12:00:00Z",
		`date("2026-11-29 13:00", "2006-01-02 15:04", "Europe/Berlin")`:            "instant 2026-11-29T12:00:00Z",
		`day.Year()`:                         "int 2026",
		`json.user.tags[1]`:                  "string b",
		`json?.nobody?.here`:                 "null",
		`len(json.user.tags)`:                "int 2",
		`sum(items, .qty)`:                   "int 2",
		`map(items, #.sku)`:                  "list [8=string s,]",
		`let n = qty; n + count`:             "int 103",
		`status in ["paid", "sent"]`:         "bool true",
		`status matches "^p"`:                "bool true",
		`upper(status) + "-" + string(qty)`:  "string PAID-100",
		`string(amount) + string(1e6)`:       "string 19.991000000",
		`string(at)`:                         "string 2026-08-01T11:00:00Z",
		`string(flag == 1) + string(status)`: "string truepaid",
		`status == "paid" ? 1 : 2`:           "int 1",
		`split("a,b", ",")`:                  "list",
		`{"a": qty}`:                         "struct",
		`big > 1`:                            "bool true",
		`now()`:                              "instant 2026-08-01T12:00:00Z",
	} {
		t.Run(text, func(t *testing.T) {
			cols, r := &Columns{}, NewRow(clockAtNoon)
			x, err := compile(text, cols)
			if err != nil {
				t.Fatal(err)
			}
			r.Begin(change(cols, pipeline.Insert, nil, exprRow))
			for range 2 { // again: the machine is used again
				v, err := x.eval(r)
				if got := show(v); err != nil || got != want && (!strings.HasPrefix(got, want) || v.Kind() < pipeline.List) && v.Kind() != pipeline.List {
					t.Errorf("got %s, %v, want %s", got, err, want)
				}
			}
		})
	}
}

func TestExpressionsThatCannotWorkAreFoundAtStart(t *testing.T) {
	for _, text := range []string{`a +`, `"a" + 1`, `1 and true`, `nosuch(1)`, `a.b(`, `len(1)`, `"x" > 5`, `(a`, `not "x"`, `after.`} {
		if x, err := compile(text, &Columns{}); err == nil {
			t.Errorf("%s: compiled to %v slots, want an error", text, len(x.slots))
		}
		report := &settings.Report{}
		checkExpr(text, settings.Root(report))
		if said := report.Problems(); len(said) != 1 || strings.Contains(said[0].String(), "\n") {
			t.Errorf("%s: got %v, want one problem of one line", text, said)
		}
	}
	for _, text := range []string{`1`, `"x"`, `len(a)`} {
		report := &settings.Report{}
		CheckCondition(text, settings.Root(report))
		if len(report.Problems()) != 1 {
			t.Errorf("%s: got %v, want one problem: it is not a condition", text, report.Problems())
		}
	}
}

func TestExpressionsThatFailRejectTheRowWithoutItsValues(t *testing.T) {
	for text, want := range map[string]pipeline.Reason{
		`empty > 1`:            pipeline.ExpressionFailed,
		`string(empty) + "-1"`: pipeline.ExpressionFailed,
		`string(big)`:          pipeline.ExpressionFailed,
		`status > 1`:           pipeline.ExpressionFailed,
		`int(status)`:          pipeline.ExpressionFailed,
		`empty.field`:          pipeline.ExpressionFailed,
		`json.user.tags[9]`:    pipeline.ExpressionFailed,
		`qty % 0`:              pipeline.ExpressionFailed,
		`unread`:               pipeline.UnavailableValueInRow,
		`date(status)`:         pipeline.ExpressionFailed,
		`date("2026-11-29 07:00 EST", "2006-01-02 15:04 MST")`:   pipeline.ExpressionFailed,
		`date("2026-11-29 07:00 GMT+3", "2006-01-02 15:04 MST")`: pipeline.ExpressionFailed,
		`date("Sun, 29 Nov 2026 07:00:00 XYZ")`:                  pipeline.ExpressionFailed,
		`map(items, .sku + 1)`:                                   pipeline.ExpressionFailed,
	} {
		t.Run(text, func(t *testing.T) {
			f, cols, r := Field{Expr: text}, &Columns{}, NewRow(clockAtNoon)
			g := f.Compile("properties.value", cols)
			r.Begin(change(cols, pipeline.Insert, nil, exprRow))
			_, err := g.Value(r)
			rejection, ok := err.(*pipeline.Rejection)
			if !ok || rejection.Reason != want || rejection.Field != "properties.value" {
				t.Fatalf("got %v, want %s of properties.value", err, want)
			}
			if strings.Contains(rejection.Message(), "paid") {
				t.Errorf("the message holds the row's value: %s", rejection.Message())
			}
		})
	}
}

func TestAnUnknownOldRowIsNotAnEmptyOne(t *testing.T) {
	cols, r := &Columns{}, NewRow(clockAtNoon)
	x, err := compile(`before.status != "paid"`, cols)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change *pipeline.Change
		want   string
	}{
		"insert":          {change(cols, pipeline.Insert, nil, columns{"status": str("paid")}), "bool true"},
		"complete update": {change(cols, pipeline.Update, columns{"status": str("paid")}, columns{}), "bool false"},
		"complete, NULL":  {change(cols, pipeline.Update, columns{"status": pipeline.NullValue()}, columns{}), "bool true"},
		"unknown":         {change(cols, pipeline.Update, nil, columns{"status": str("paid")}), "before_image_incomplete"},
		"masked":          {partly(change(cols, pipeline.Update, columns{"status": pipeline.UnavailableValue()}, columns{})), "before_image_incomplete"},
		"key column":      {partly(change(cols, pipeline.Update, columns{"status": str("paid")}, columns{})), "bool false"},
	} {
		r.Begin(test.change)
		v, err := x.eval(r)
		got := show(v)
		if rejection, ok := err.(*pipeline.Rejection); ok {
			got = string(rejection.Reason)
		}
		if got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
}

func partly(c *pipeline.Change) *pipeline.Change {
	c.BeforeComplete = false
	return c
}

func TestConditionsReadWhatDatabasesCallTrue(t *testing.T) {
	for text, want := range map[string]string{
		"flag": "true", "word": "true", "empty": "false", "missing": "false", "qty": "expression_failed", "status": "expression_failed",
		`status == "paid"`: "true", "unread": "unavailable_value", "flag == 0": "false",
	} {
		cols, r := &Columns{}, NewRow(clockAtNoon)
		c, err := NewCondition(text, cols)
		if err != nil {
			t.Fatal(err)
		}
		r.Begin(change(cols, pipeline.Insert, nil, exprRow))
		yes, err := c.True(r, "when")
		got := map[bool]string{true: "true", false: "false"}[yes]
		if rejection, ok := err.(*pipeline.Rejection); ok {
			got = string(rejection.Reason)
			if rejection.Field != "when" {
				t.Errorf("%s: got field %q, want when", text, rejection.Field)
			}
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestTheGateLetsThroughWhatItShould(t *testing.T) {
	images := map[pipeline.Op][2]columns{pipeline.Insert: {nil, {"n": num(1)}}, pipeline.Snapshot: {nil, {"n": num(1)}},
		pipeline.Update: {{"n": num(1)}, {"n": num(2)}}, pipeline.Delete: {{"n": num(1)}, nil}}
	for name, test := range map[string]struct {
		on   On
		when string
		want string
	}{
		"events by default":  {On{}, "", "pass operation operation operation"},
		"all":                {On{Snapshot: "send", Update: "send", Delete: "send"}, "", "pass pass pass pass"},
		"none but deletes":   {On{Insert: "skip", Delete: "send"}, "", "operation operation operation pass"},
		"condition":          {On{Update: "send", Delete: "send"}, "n == 1", "pass operation filtered pass"},
		"condition on op":    {On{Update: "send"}, `op == "update"`, "filtered operation pass operation"},
		"failing conditions": {On{}, `n > "x"`, "rejected operation operation operation"},
	} {
		t.Run(name, func(t *testing.T) {
			cols := &Columns{}
			gate, err := NewGate(test.on, EventDefaults, test.when, cols, clockAtNoon)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, op := range pipeline.Ops {
				got = append(got, verdict(gate.Worker().Pass(change(cols, op, images[op][0], images[op][1]))))
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func verdict(err error) string {
	switch err := err.(type) {
	case nil:
		return "pass"
	case pipeline.SkipReason:
		return string(err)
	case *pipeline.Rejection:
		return "rejected"
	}
	return err.Error()
}

func TestAGateThatSendsNothingIsAProblem(t *testing.T) {
	report := &settings.Report{}
	On{Insert: "skip"}.Validate(EventDefaults, settings.Root(report))
	On{Insert: "skip", Delete: "send"}.Validate(EventDefaults, settings.Root(report))
	if got := len(report.Problems()); got != 1 {
		t.Errorf("got %d problems, want 1", got)
	}
}

func TestColumnsKeepTheirPlace(t *testing.T) {
	var c Columns
	if a, b, again := c.Index("a"), c.Index("b"), c.Index("a"); a != 0 || b != 1 || again != 0 {
		t.Errorf("got %d %d %d, want 0 1 0", a, b, again)
	}
	if _, err := compile(`b + after.c + before.d + $env[0]`, &c); err != nil {
		t.Fatal(err)
	}
	names, all := c.Wanted()
	if strings.Join(names, " ") != "a b c d" || all {
		t.Errorf("got %v %v, want a b c d", names, all)
	}
	if c.Digest(); true {
		if _, all = c.Wanted(); !all {
			t.Error("all columns were asked for")
		}
	}
}
