package journal

import (
	"math/rand/v2"
	"testing"
)

// TestIndexAgainstMap compares the index with a plain map under random use.
func TestIndexAgainstMap(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var x index
	for range 2 {
		want := map[Key]Ref{}
		for range 30000 {
			k := key(rnd.IntN(5000))
			if rnd.IntN(3) == 0 {
				k = Key{0: 7, 5: byte(rnd.IntN(200))} // all on one place
			}
			r, row := want[k], rnd.Int64N(1000)+1
			switch offset := rnd.Int64N(1 << 47); rnd.IntN(3) {
			case 0:
				x.apply(Succeeded, k, false, offset)
				r.State, r.Offset, r.InDoubt = Succeeded, offset, false
			case 1:
				x.apply(Lost, k, false, offset)
				r.State, r.Offset, r.InDoubt = Lost, offset, true
			case 2:
				if s := x.insert(k); s.row == 0 {
					s.row = uint32(row)
				}
				if r.First == 0 {
					r.First = row
				}
			}
			want[k] = r
		}
		if int(x.n) != len(want) {
			t.Errorf("%d keys, want %d", x.n, len(want))
		}
		for k, r := range want {
			if s, _ := x.find(k); s == nil || x.ref(s) != r {
				t.Fatalf("%v: %+v, want %+v", k, s, r)
			}
		}
		x.reset()
		if s, _ := x.find(key(1)); s != nil {
			t.Error("not empty after reset")
		}
	}
}
