package main

import (
	"encoding/binary"

	"mantatag/report/journal"
)

// firsts knows, of every mapping of an input, the first row that asked for it,
// in at most 31 bytes a mapping. Its zero value is empty.
type firsts struct {
	chunks []*[1 << 11]firstRow // never moved, in the order in which they came
	n      uint32
	table  []uint32 // open addressing by the key's own bits; number in chunks plus one, 0: free
}

type firstRow struct {
	key journal.Key
	row uint32
}

func (f *firsts) at(i uint32) *firstRow { return &f.chunks[i>>11][i&(1<<11-1)] }

// find is the first row that asked for the mapping, which is row if none did.
func (f *firsts) find(k journal.Key, row int64) int64 {
	if uint64(f.n) >= uint64(len(f.table))*3/4 {
		f.grow()
	}
	i := f.home(&k)
	for ; f.table[i] != 0; i = f.next(i) {
		if r := f.at(f.table[i] - 1); r.key == k {
			return int64(r.row)
		}
	}
	if int(f.n>>11) == len(f.chunks) {
		f.chunks = append(f.chunks, new([1 << 11]firstRow))
	}
	*f.at(f.n) = firstRow{k, uint32(row)}
	f.n++
	f.table[i] = f.n
	return row
}

func (f *firsts) home(k *journal.Key) uint32 {
	return binary.LittleEndian.Uint32(k[:]) & uint32(len(f.table)-1)
}

func (f *firsts) next(i uint32) uint32 { return (i + 1) & uint32(len(f.table)-1) }

func (f *firsts) grow() {
	f.table = make([]uint32, max(1024, 2*len(f.table)))
	for n := range f.n {
		i := f.home(&f.at(n).key)
		for f.table[i] != 0 {
			i = f.next(i)
		}
		f.table[i] = n + 1
	}
}
