package state

import "hash/maphash"

// counts says how many members hold a claim. It keeps a seeded 64-bit hash of each: among ten million claims the
// chance that any two share one is about three in a million, and no outsider can choose them.
type counts struct {
	seed   maphash.Seed
	hashes []uint64 // 0: free
	n      []uint32
	len    int
	total  int // of n
}

func newCounts() counts { return counts{seed: maphash.MakeSeed()} }

func (c *counts) hash(claim []byte) uint64 { return max(maphash.Bytes(c.seed, claim), 1) }

func (c *counts) find(hash uint64) int {
	mask := uint64(len(c.hashes) - 1)
	i := hash & mask
	for c.hashes[i] != 0 && c.hashes[i] != hash {
		i = (i + 1) & mask
	}
	return int(i)
}

func (c *counts) of(claim []byte) int {
	if c.len == 0 {
		return 0
	}
	i := c.find(c.hash(claim))
	if c.hashes[i] == 0 {
		return 0
	}
	return int(c.n[i])
}

func (c *counts) add(claim []byte) {
	if 4*(c.len+1) > 3*len(c.hashes) {
		c.grow()
	}
	hash := c.hash(claim)
	i := c.find(hash)
	if c.hashes[i] == 0 {
		c.hashes[i], c.n[i] = hash, 0
		c.len++
	}
	c.n[i]++
	c.total++
}

func (c *counts) grow() {
	hashes, n := c.hashes, c.n
	size := max(64, 2*len(hashes))
	c.hashes, c.n = make([]uint64, size), make([]uint32, size)
	for i, hash := range hashes {
		if hash != 0 {
			j := c.find(hash)
			c.hashes[j], c.n[j] = hash, n[i]
		}
	}
}

func (c *counts) drop(claim []byte) {
	if c.len == 0 {
		return
	}
	i := c.find(c.hash(claim))
	if c.hashes[i] == 0 {
		return
	}
	c.total--
	if c.n[i]--; c.n[i] == 0 {
		c.clear(i)
		c.len--
	}
}

// clear frees a slot and moves up those behind it that had to give way.
func (c *counts) clear(i int) {
	mask := len(c.hashes) - 1
	for j := (i + 1) & mask; c.hashes[j] != 0; j = (j + 1) & mask {
		home := int(c.hashes[j]) & mask
		if (j-home)&mask >= (j-i)&mask {
			c.hashes[i], c.n[i] = c.hashes[j], c.n[j]
			i = j
		}
	}
	c.hashes[i], c.n[i] = 0, 0
}
