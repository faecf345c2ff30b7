package jsontext

// mostDepth bounds the recursion of walks; a product list has three levels.
const mostDepth = 100

// Walker goes over the elements of an array or the members of an object, in place.
//
//	for w := Walk(text); w.Next(); { … w.Name, w.Value … }
//
// Bad says, after the walk, that the text is not valid JSON; what came before the fault has been given out.
type Walker struct {
	Name  []byte // of a member, as it is written, without its quotes
	Value []byte // as it is written; of one that is not valid, what there is
	Bad   bool

	scan scanner
	end  byte // the closing bracket; 0 before the first item
}

func walking(text []byte) scanner { return scanner{text: text, max: Limits{Depth: mostDepth}} }

// Walk starts the walk of an array or object.
func Walk(text []byte) Walker { return Walker{scan: walking(text)} }

// Next goes to the next element or member; false at the end.
func (w *Walker) Next() bool {
	w.Name, w.Value = nil, nil
	if w.isOver() {
		return false
	}
	w.Bad = !w.item()
	return !w.Bad
}

// isOver steps over what comes before the next item, and reports whether there is none.
func (w *Walker) isOver() bool {
	switch c := w.scan.peek(); {
	case w.end == 0 && (c == '{' || c == '['):
		w.end = c + 2
		w.scan.pos++
	case w.end != 0 && w.scan.take(','):
		return false
	case w.end == 0 || c != w.end:
		w.Bad = true
		return true
	}
	if !w.scan.take(w.end) {
		return false
	}
	w.Bad = !w.scan.isOver()
	return true
}

func (w *Walker) item() bool {
	if w.end == '}' {
		if w.scan.peek() != '"' {
			return false
		}
		start := w.scan.pos + 1
		if w.scan.quoted() != nil {
			return false
		}
		w.Name = w.scan.text[start : w.scan.pos-1]
		if !w.scan.take(':') {
			return false
		}
	}
	w.scan.peek()
	start := w.scan.pos
	err := w.scan.value(1)
	if w.Value = w.scan.text[start:w.scan.pos]; err != nil {
		w.Value = w.scan.text[start:]
	}
	return err == nil
}

// Value trims white space off a text and reports whether it is one valid JSON value.
func Value(text []byte) ([]byte, bool) {
	s := walking(text)
	s.peek()
	start := s.pos
	if s.value(0) != nil {
		return nil, false
	}
	end := s.pos
	return text[start:end], s.isOver()
}

// First is the first byte that is not white space: of an object `{`, of an array `[`; 0 where there is none.
func First(text []byte) byte {
	s := walking(text)
	return s.peek()
}
