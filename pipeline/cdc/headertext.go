package cdc

import (
	"bytes"

	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
	"github.com/tokrelay/tokrelay/pipeline/jsontext"
)

// headerText is the text of a header that Kafka Connect wrote, nil where it cannot be read. Its header.converter decides the
// form: the text itself, a JSON string, that within Connect's wrapper, or a framed Avro string.
func headerText(value []byte) []byte {
	if value = bytes.TrimSpace(value); len(value) == 0 {
		return nil
	}
	switch value[0] {
	case '"', '{':
		return jsonHeaderText(value)
	case magicNumber:
		for _, idBytes := range []int{4, 8} { // Confluent's id and Apicurio's; only one of them leaves a string
			if text, ok := avroHeaderText(value, 1+idBytes); ok {
				return text
			}
		}
		return value
	case magicGUID:
		if text, ok := avroHeaderText(value, 17); ok {
			return text
		}
	}
	return value
}

func jsonHeaderText(value []byte) []byte {
	var doc jsontext.Doc
	if doc.Parse(value, jsontext.Limits{Depth: 16, Nodes: 256}) != nil {
		return value
	}
	_, payload, _ := unwrapJSON(&doc)
	if doc.Nodes[payload].Kind != jsontext.String {
		return value
	}
	return bytes.TrimSpace(doc.Str(payload))
}

// avroHeaderText reads the Avro string that fills what is behind a frame, or a string in a union with null.
func avroHeaderText(value []byte, frame int) ([]byte, bool) {
	if len(value) <= frame {
		return nil, false
	}
	c := avro.Cursor{Buf: value, Pos: frame}
	if text, err := c.Bytes(); err == nil && c.Left() == 0 {
		return bytes.TrimSpace(text), true
	}
	c.Pos = frame
	if branch, err := c.Long(); err != nil || branch&^1 != 0 {
		return nil, false
	}
	text, err := c.Bytes()
	return bytes.TrimSpace(text), err == nil && c.Left() == 0
}
