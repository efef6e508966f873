package main

import (
	"encoding/binary"

	"mantatag/report/journal"
)

// firsts knows, of every mapping of an input, the first row that asked for it,
// in at most 32 bytes a mapping. Its zero value is empty.
//
// It is a hash table by the key's own bits, with open addressing: marks says
// which places are free, and keeps one byte of the key of those that are not,
// so that places is read only where the mapping very likely is.
type firsts struct {
	chunks []*[1 << chunkBits]firstRow // never moved, in the order in which they came
	n      uint32
	marks  []uint8  // 0: free
	places []uint32 // numbers in chunks
}

const chunkBits = 11

type firstRow struct {
	key journal.Key
	row uint32
}

func (f *firsts) at(i uint32) *firstRow {
	return &f.chunks[i>>chunkBits][i&(1<<chunkBits-1)]
}

// find is the first row that asked for the mapping, which is row if none did.
func (f *firsts) find(k *journal.Key, row int64) int64 {
	if uint64(f.n) >= uint64(len(f.marks))*7/8 {
		f.grow()
	}
	mark, mask := markOf(k), uint32(len(f.marks)-1)
	i := f.home(k)
	for ; f.marks[i] != 0; i = (i + 1) & mask {
		if f.marks[i] != mark {
			continue
		}
		if r := f.at(f.places[i]); r.key == *k {
			return int64(r.row)
		}
	}
	if int(f.n>>chunkBits) == len(f.chunks) {
		f.chunks = append(f.chunks, new([1 << chunkBits]firstRow))
	}
	*f.at(f.n) = firstRow{*k, uint32(row)}
	f.marks[i], f.places[i] = mark, f.n
	f.n++
	return row
}

func (f *firsts) home(k *journal.Key) uint32 {
	return binary.LittleEndian.Uint32(k[:]) & uint32(len(f.marks)-1)
}

func markOf(k *journal.Key) uint8 { return k[15] | 1 }

func (f *firsts) grow() {
	size := max(1024, 2*len(f.marks))
	f.marks, f.places = make([]uint8, size), make([]uint32, size)
	mask := uint32(size - 1)
	for n := range f.n {
		k := &f.at(n).key
		i := f.home(k)
		for f.marks[i] != 0 {
			i = (i + 1) & mask
		}
		f.marks[i], f.places[i] = markOf(k), n
	}
}

// touch reads where the mappings belong, so that the memory of many is on its
// way at once instead of one after the other.
func (f *firsts) touch(keys []journal.Key) (marks uint8) {
	if len(f.marks) > 0 {
		for i := range keys {
			marks |= f.marks[f.home(&keys[i])]
		}
	}
	return marks
}
