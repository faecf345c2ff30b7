package metrics

import "github.com/tokrelay/tokrelay/pipeline"

// Sync binds the metrics of one sync; sink is its sink's kind: events, segment or audiencefile. A counter that first
// appears with its first event has no increase that rate() and alerts could see, so every series with bounded labels
// exists from here on, at 0; Reads, Calls and DeadLetters add those whose labels are names.
func (m *Metrics) Sync(sync, sink string) *Sync {
	s := &Sync{m: m, sync: sync, sink: sink}
	m.syncs = append(m.syncs, sync)
	s.bind()
	for _, r := range pipeline.SkipReasons {
		m.skipped.WithLabelValues(sync, string(r))
	}
	for _, r := range pipeline.Reasons() {
		m.rejected.WithLabelValues(sync, string(r.Info().Class), string(usualStage(r)), string(r))
	}
	for _, kind := range itemKinds[sink] {
		m.items.WithLabelValues(sync, kind)
	}
	return s
}

// itemKinds are the kinds of items by kind of sink; a file's lines are counted by tokrelay_audience_rows.
var itemKinds = map[string][]string{"events": {"event"}, "segment": {"add", "delete"}}

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
	case pipeline.UnknownOperation, pipeline.MissingColumn:
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

// moveReasons are the reasons of Moved.
var moveReasons = []string{"below_start", "beyond_end", "topic_again"}

// Reads makes the series of a sync that reads as a member of a group. Topics are those whose names are known.
func (s *Sync) Reads(topics ...string) {
	for _, t := range topics {
		s.m.records.WithLabelValues(s.sync, t)
		s.m.recordBytes.WithLabelValues(s.sync, t)
		s.m.lost.WithLabelValues(s.sync, t)
		for _, why := range moveReasons {
			s.m.moved.WithLabelValues(s.sync, t, why)
		}
		s.m.assigned.WithLabelValues(s.sync, t)
	}
	for _, kind := range []string{"assigned", "revoked", "lost"} {
		s.m.rebalances.WithLabelValues(s.sync, kind)
	}
	for _, result := range []string{"ok", "failed"} {
		s.m.commits.WithLabelValues(s.sync, result)
	}
	s.Paused("stuck", 0)
}

// Calls makes the series of calls to an endpoint. TikTok's other codes appear with the first answer that has them.
func (s *Sync) Calls(endpoint string) {
	for _, code := range []string{"0", "network"} {
		s.m.requests.WithLabelValues(s.sync, s.sink, endpoint, code)
	}
	s.m.requestSeconds.WithLabelValues(s.sync, s.sink, endpoint)
	for _, v := range []pipeline.Verdict{pipeline.Retry, pipeline.Throttled, pipeline.Denied, pipeline.Broken, pipeline.Unknown, pipeline.Refused} {
		s.m.retries.WithLabelValues(s.sync, s.sink, v.String())
	}
	for _, result := range []string{"accepted", "partial", "rejected", "dead_lettered"} {
		s.m.batches.WithLabelValues(s.sync, s.sink, result)
	}
}

// DeadLetters makes the series of dead letters: rows of every reason, batches of the failed ones.
func (s *Sync) DeadLetters(rejected, failed string) {
	for _, r := range pipeline.Reasons() {
		s.m.deadLetters.WithLabelValues(s.sync, rejected, string(r))
		if r.Info().Class == pipeline.ClassFailed {
			s.m.deadLetters.WithLabelValues(s.sync, failed, string(r))
		}
	}
	s.m.deadErrors.WithLabelValues(s.sync, rejected)
	s.m.deadErrors.WithLabelValues(s.sync, failed)
}
