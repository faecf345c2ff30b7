package mapping

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

func evalOver(t *testing.T, text string, n int) (pipeline.Value, error) {
	t.Helper()
	cols, r := &Columns{}, NewRow(clockAtNoon)
	x, err := compile(text, cols)
	if err != nil {
		t.Fatal(err)
	}
	r.Begin(change(cols, pipeline.Insert, nil, columns{"list": jsn("[" + strings.Repeat("1,", n-1) + "1]")}))
	return x.eval(r)
}

func TestALoopInALoopOverALongListEndsSoonAndSaysWhy(t *testing.T) {
	for _, text := range []string{
		`any(list, {let x = #; any(list, {# + x == 0})})`,
		`all(list, {none(list, {# == 0})})`,
		`sum(map(list, {count(list, {# == 1})}))`,
		`len(filter(list, {len(filter(list, {# > 5})) > 0}))`,
		`reduce(list, {#acc + sum(list, {# * 2})}, 0)`,
		`all(list, {0 not in list})`, // a loop of the library's own inside
	} {
		_, err := evalOver(t, text, 10_000)
		rejection, ok := errors.AsType[*pipeline.Rejection](err)
		if !ok || rejection.Reason != pipeline.ExpressionFailed || !strings.Contains(rejection.Message(), "1s a row") {
			t.Errorf("%s: got %v, want a rejection that says how long a row may take", text, err)
		}
	}
}

func TestALoopOverALongListIsNotCutShort(t *testing.T) {
	for text, want := range map[string]string{
		`count(list, {# == 1})`: "int 50000",
		`sum(list, {# + 1})`:    "int 100000",
		`any(list, {# == 2})`:   "bool false",
	} {
		if v, err := evalOver(t, text, 50_000); err != nil || show(v) != want {
			t.Errorf("%s: got %s, %v, want %s", text, show(v), err, want)
		}
	}
}

func TestAFrozenProcessRejectsNoShortLoop(t *testing.T) {
	b := budget{began: time.Now().Add(-time.Hour), steps: 1}
	for range freeSteps - 1 {
		if err := b.step(); err != nil {
			t.Fatalf("step %d: %v", b.steps, err)
		}
	}
	for range lookEvery {
		if b.step() != nil {
			return
		}
	}
	t.Error("a long loop an hour later is not ended")
}

func TestTheBodiesOfLoopsAreStillChecked(t *testing.T) {
	for _, text := range []string{`any(list, {1})`, `filter(list, {"a"})`} {
		report := &settings.Report{}
		checkExpr(text, settings.Root(report))
		if report.Err() == nil {
			t.Errorf("%s: compiles, want a problem at start", text)
		}
	}
}

func BenchmarkALoopOfAHundred(b *testing.B) {
	cols, r := &Columns{}, NewRow(clockAtNoon)
	x := mustCompile(`any(list, {# == 2})`, cols)
	r.Begin(change(cols, pipeline.Insert, nil, columns{"list": jsn("[" + strings.Repeat("1,", 99) + "1]")}))
	for b.Loop() {
		if _, err := x.eval(r); err != nil {
			b.Fatal(err)
		}
	}
}
