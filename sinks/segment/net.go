package segment

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
)

// cell is one place of an element of batch_data, read back.
type cell struct {
	ID        string   `json:"id,omitempty"`
	Audiences []string `json:"audience_ids,omitempty"`
}

// Net is what is left to tell when the items of many rows wait together, as delivery sees to within a chunk: where one
// digest was added to an audience and deleted from it, the last operation counts. Else preview would print calls that do
// both, in no order. The items are a Preview's.
func (p *Plan) Net(items *pipeline.Items) (*pipeline.Items, error) {
	last := map[string]string{} // actions by claim
	net := &pipeline.Items{Envelopes: items.Envelopes}
	for i := len(items.List) - 1; i >= 0; i-- {
		var cells []cell
		if err := json.Unmarshal(items.Body(i), &cells); err != nil {
			return nil, err
		}
		if !p.dropUndone(cells, items.Envelope(i), last) {
			continue
		}
		body, err := json.Marshal(cells)
		if err != nil {
			return nil, err
		}
		item := items.List[i]
		item.Start, item.End = int32(len(net.Buf)), int32(len(net.Buf)+len(body))
		net.Buf, net.List = append(net.Buf, body...), append(net.List, item)
	}
	slices.Reverse(net.List)
	return net, nil
}

// dropUndone empties the cells that a later item undoes, and reports whether any is left.
func (p *Plan) dropUndone(cells []cell, envelope string, last map[string]string) (left bool) {
	action, past, _ := readEnvelope(envelope)
	for i, c := range cells {
		if c.ID == "" {
			continue
		}
		claim := strings.Join(append(c.Audiences, p.typeAt(i, past), c.ID), " ")
		if later, ok := last[claim]; ok && later != action {
			cells[i] = cell{}
			continue
		}
		last[claim], left = action, true
	}
	return left
}
