package main

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"mantatag/report/journal"
)

func TestFirstsAgreeWithAMap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var f firsts
	want := map[journal.Key]int64{}
	for row := int64(1); row <= 100_000; row++ {
		k := journal.NewKey("host", "bot", "tag", fmt.Sprint(random.IntN(60_000)), "", "")
		if _, ok := want[k]; !ok {
			want[k] = row
		}
		if got := f.find(&k, row); got != want[k] {
			t.Fatalf("row %d: first %d, not %d", row, got, want[k])
		}
	}
	if int(f.n) != len(want) {
		t.Errorf("%d mappings, not %d", f.n, len(want))
	}
}

// What keys can differ in only where neither home nor mark looks.
func TestFirstsTellsKeysOfOneHomeAndMark(t *testing.T) {
	var f firsts
	for i := range 200 {
		k := journal.Key{8: byte(i)}
		if got := f.find(&k, int64(i+1)); got != int64(i+1) {
			t.Fatalf("key %d was taken for that of row %d", i, got)
		}
	}
}
