package audiencefile

// memory is what a build may use, in bytes. A quarter goes to buffers of files being written, half to the tables of
// buckets in memory; the rest is for what Go and the reader need.
type memory int64

// buffer is the bytes each bucket of a writer holds back, with so many writers at once.
func (m memory) buffer(writers int) int {
	return int(min(64<<10, max(2<<10, int64(m)/4/int64(writers*buckets))))
}

// entries is how many bytes of entries fit in memory at once, as winners: those take up to three times their bytes.
func (m memory) entries(workers int) int64 { return int64(m) / 2 / int64(workers) / 3 }

// lines is how many bytes of lines fit in memory at once, as a lineSet of up to twice their bytes.
func (m memory) lines(workers int) int64 { return int64(m) / 2 / int64(workers) / 2 }
