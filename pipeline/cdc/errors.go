package cdc

import (
	"errors"
	"fmt"
)

// fieldError says which column the bytes went wrong in.
type fieldError struct {
	field string
	err   error
}

func (e *fieldError) Error() string { return fmt.Sprintf("column %s: %v", short(e.field), e.err) }

func (e *fieldError) Unwrap() error { return e.err }

// inField adds the name of the field the bytes went wrong in, once: the innermost says most.
func inField(field string, err error) error {
	if _, ok := errors.AsType[*fieldError](err); ok {
		return err
	}
	return &fieldError{field, err}
}

// decodeError is why bytes do not fit their schema. It is free of values.
type decodeError string

func (e decodeError) Error() string { return string(e) }

const (
	errShort     = decodeError("the bytes end inside the value")
	errBool      = decodeError("a boolean is neither 0 nor 1")
	errBranch    = decodeError("a union has no such branch")
	errSymbol    = decodeError("an enum has no such symbol")
	errLength    = decodeError("a length is negative")
	errBlock     = decodeError("a block of an array or map announces more items than the bytes can hold")
	errRepeated  = decodeError("a map has a key twice")
	errAuthority = decodeError("goavro refuses the value")
)

// limitError is a value refused for its size. goavro is never asked about such a value.
type limitError string

func (e limitError) Error() string { return string(e) }

const (
	errDeep = limitError("the value is nested too deeply")
	errMany = limitError("the value has too many items")
)
