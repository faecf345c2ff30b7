package calls

import (
	"bytes"
	"fmt"

	"github.com/tokrelay/tokrelay/pipeline"
)

// RowsText is the part of a record's value that says where the rows of the call stand, and their event ids.
func RowsText(value []byte) []byte {
	_, rows, _ := bytes.Cut(value, rowsBegin)
	if i := bytes.Index(rows, rowsEnd); i >= 0 {
		return rows[:i]
	}
	return rows
}

// HasRow tells whether a record's value names the row at the place.
func HasRow(value []byte, at *pipeline.Position) bool {
	row := fmt.Sprintf(`{"topic":"%s","partition":%d,"offset":%d`, at.Topic, at.Partition, at.Offset)
	return bytes.Contains(value, []byte(row+",")) || bytes.Contains(value, []byte(row+"}"))
}
