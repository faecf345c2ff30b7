package cdc

import (
	"bytes"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
)

func TestTheUsualFrameIsReadAsEveryFrameIs(t *testing.T) {
	framings := []Framing{{}, {Carrier: Carrier{Style: styleAuto}}, {Carrier: Carrier{Style: styleConfluent}}, {Carrier: Carrier{Style: styleBare, Schema: "s"}},
		{Carrier: Carrier{IDBytes: 8}}, {Carrier: Carrier{ID: idGlobal}}, {Carrier: Carrier{Style: styleJSON}},
		{Topics: map[string]Framing{"t": {Carrier: Carrier{Style: styleBare, Schema: "s"}}}}}
	values := [][]byte{{0, 0, 0, 0, 7, 2, 4}, {0, 0, 0, 0, 7}, {0, 0, 0, 0, 0, 0, 0, 7, 2, 4, 6}, {0, 0xff, 0xff, 0xff, 0xff, 2}, {0, 0, 0}, {1, 0, 0, 0, 7}, []byte("{}"), {}}
	headers := [][]pipeline.Header{nil, {{Key: "trace", Value: []byte("x")}}}
	for _, f := range framings {
		for _, v := range values {
			for _, h := range headers {
				r := &pipeline.Record{Topic: "t", Value: v, Headers: h}
				id, body, usual := usualFrame(r)
				if !usual || !f.expectsUsual() {
					continue
				}
				wantID, wantBody, err := readFrame(f, r, false)
				if err != nil || id != wantID || !bytes.Equal(body, wantBody) {
					t.Errorf("%+v, % x: got %v and %d bytes, want %v and %d bytes, %v", f.Carrier, v, id, len(body), wantID, len(wantBody), err)
				}
			}
		}
	}
	if _, _, usual := usualFrame(&pipeline.Record{Value: values[0]}); !usual || !framings[0].expectsUsual() {
		t.Error("the usual frame was not taken for it")
	}
}
