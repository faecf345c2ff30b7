package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Rows count what becomes of one sync's rows. Several packages settle, skip and reject rows, so they share these.
type Rows struct {
	settled           [len(pipeline.Outcomes) + 1]prometheus.Counter
	unsettled         prometheus.Gauge
	skipped, rejected *prometheus.CounterVec
	items             *prometheus.CounterVec
}

// NewRows makes them in reg, which names the sync; nil publishes none. A counter that first appears with its first event
// has no increase that rate() and alerts could see, so every series with bounded labels exists from here on, at 0.
func NewRows(reg prometheus.Registerer) *Rows {
	settled := Counter(reg, "rows_settled_total", "Records settled, by outcome.", "outcome")
	r := &Rows{
		unsettled: Gauge(reg, "unsettled_records", "Records read and not yet settled.").WithLabelValues(),
		skipped:   Counter(reg, "rows_skipped_total", "Rows knowingly not sent, by reason.", "reason"),
		rejected:  Counter(reg, "rows_rejected_total", "Rows rejected, by class, stage and reason.", "class", "stage", "reason"),
		items:     Counter(reg, "items_total", "Items made of rows: events, additions, deletions.", "kind"),
	}
	for _, o := range pipeline.Outcomes {
		r.settled[o] = settled.WithLabelValues(o.String())
	}
	for _, reason := range pipeline.SkipReasons {
		r.skipped.WithLabelValues(string(reason))
	}
	for _, reason := range pipeline.Reasons() {
		r.rejected.WithLabelValues(string(reason.Info().Class), string(usualStage(reason)), string(reason))
	}
	return r
}

// Rejections are for who delivers what follows of rows that others settle: they count rejections alone.
func (r *Rows) Rejections() *Rows {
	alone := NewRows(nil)
	alone.rejected = r.rejected
	return alone
}

// usualStage is the step that rejects for a reason, nearly always. Where another one does too, its series begins with
// the first row.
func usualStage(r pipeline.Reason) pipeline.Stage {
	switch r.Info().Class {
	case pipeline.ClassRejected, pipeline.ClassFailed:
		return pipeline.StageSend
	}
	switch r {
	case pipeline.EmptyValue, pipeline.UnknownMagicByte, pipeline.ShortHeader, pipeline.UnsupportedFraming:
		return pipeline.StageFrame
	case pipeline.UnknownOperation, pipeline.RangeDelete, pipeline.MissingColumn:
		return pipeline.StageDecode
	case pipeline.UnavailableValueInRow, pipeline.BeforeImageIncomplete, pipeline.StepPanicked, pipeline.RequiredField,
		pipeline.WrongType, pipeline.ExpressionFailed, pipeline.UnknownAudience, pipeline.InvalidDeliveryKey:
		return pipeline.StageMap
	case pipeline.InvalidEmail, pipeline.InvalidPhone, pipeline.InvalidIdentifier, pipeline.AlreadyHashed,
		pipeline.NotHashed, pipeline.EmptyDigest, pipeline.NoIdentifier:
		return pipeline.StageIdentity
	}
	if r.Info().Class == pipeline.ClassUnreadable {
		return pipeline.StageDecode
	}
	return pipeline.StageValidate
}

// Read counts n records that were handed out: they are unsettled. A negative n takes back what will be read again.
func (r *Rows) Read(n int) { r.unsettled.Add(float64(n)) }

// Settled counts rows that ended.
func (r *Rows) Settled(o pipeline.Outcome, n int) {
	r.settled[o].Add(float64(n))
	r.unsettled.Sub(float64(n))
}

// Skipped counts rows knowingly not sent.
func (r *Rows) Skipped(reason pipeline.SkipReason, n int) {
	r.skipped.WithLabelValues(string(reason)).Add(float64(n))
}

// Rejected counts one rejected row.
func (r *Rows) Rejected(why *pipeline.Rejection) {
	r.rejected.WithLabelValues(string(why.Class()), string(why.Stage), string(why.Reason)).Inc()
}

// Items is the counter of the items of a kind: event, add or delete.
func (r *Rows) Items(kind string) prometheus.Counter { return r.items.WithLabelValues(kind) }
