package avro

import (
	"errors"
	"fmt"
)

// FieldError says which column the bytes went wrong in.
type FieldError struct {
	Field string
	Err   error
}

func (e *FieldError) Error() string { return fmt.Sprintf("column %s: %v", Short(e.Field), e.Err) }

func (e *FieldError) Unwrap() error { return e.Err }

// InField adds the name of the field the bytes went wrong in, once: the innermost says most.
func InField(field string, err error) error {
	if _, ok := errors.AsType[*FieldError](err); ok {
		return err
	}
	return &FieldError{field, err}
}

// decodeError is why bytes do not fit their schema. It is free of values.
type decodeError string

func (e decodeError) Error() string { return string(e) }

const (
	errShort     = decodeError("the bytes end inside the value")
	errBool      = decodeError("a boolean is neither 0 nor 1")
	ErrBranch    = decodeError("a union has no such branch")
	errSymbol    = decodeError("an enum has no such symbol")
	errLength    = decodeError("a length is negative")
	ErrBlock     = decodeError("a block of an array or map announces more items than the bytes can hold")
	errRepeated  = decodeError("a map has a key twice")
	ErrAuthority = decodeError("goavro refuses the value")
)

// LimitError is a value refused for its size. goavro is never asked about such a value.
type LimitError string

func (e LimitError) Error() string { return string(e) }

const (
	errDeep = LimitError("the value is nested too deeply")
	errMany = LimitError("the value has too many items")
)
