package jsontext

import (
	"bytes"
	"iter"
)

// Piece is what is before a text in JSON, and the text.
type Piece struct {
	Before []byte
	Text   []byte // as it is written, without its quotes
	Quoted bool   // there is a text; false for what comes last
	Closed bool   // its closing quote is there
	IsName bool   // of a member
}

// Pieces goes over JSON by its quotes alone: it costs little more than a copy, and takes text that was cut off.
func Pieces(text []byte) iter.Seq[Piece] {
	return func(yield func(Piece) bool) {
		for len(text) > 0 {
			var p Piece
			i := bytes.IndexByte(text, '"')
			if p.Quoted = i >= 0; !p.Quoted {
				yield(Piece{Before: text})
				return
			}
			p.Before, text = text[:i], text[i+1:]
			end := closing(text)
			p.Text = text[:end]
			if text = text[end:]; len(text) > 0 {
				p.Closed, text = true, text[1:]
				p.IsName = First(text) == ':'
			}
			if !yield(p) {
				return
			}
		}
	}
}

// Rewrite appends JSON with its texts as each appends them: it is given the name that came last, and a text as it is written.
func Rewrite(to, text []byte, each func(to, name, value []byte) []byte) []byte {
	var name []byte
	for p := range Pieces(text) {
		to = append(to, p.Before...)
		if !p.Quoted {
			break
		}
		to = append(to, '"')
		if p.IsName {
			name, to = p.Text, append(to, p.Text...)
		} else {
			to = each(to, name, p.Text)
		}
		if p.Closed {
			to = append(to, '"')
		}
	}
	return to
}

// closing is where the string ends that began before: at a quote that no backslash hides, or where there is no more.
func closing(text []byte) int {
	for at := 0; ; at++ {
		i := bytes.IndexByte(text[at:], '"')
		if i < 0 {
			return len(text)
		}
		at += i
		hidden := 0
		for at-hidden > 0 && text[at-hidden-1] == '\\' {
			hidden++
		}
		if hidden%2 == 0 {
			return at
		}
	}
}
