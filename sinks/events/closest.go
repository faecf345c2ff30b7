package events

import "strings"

// closest suggests the known word that was probably meant, else gives other advice. What is before the last point
// counts too, but does not make two words alike.
func closest(word string, known []string, advice string) string {
	own := word[strings.LastIndexByte(word, '.')+1:]
	best, distance := "", max(2, len(own)/3)
	for _, k := range known {
		if d := changes(word, k); d <= distance {
			best, distance = k, d-1
		}
	}
	if best == "" {
		return advice
	}
	return "did you mean " + best + "?"
}

// changes counts the letters to insert, delete or replace between two words.
func changes(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
