package ingest

import "slices"

// An id of 16 or 17 digits that ends in zeros past the 15th may be one that a
// spreadsheet has rounded, or one that is so by chance. Whether all of a column
// end so tells which. Nothing has to be told of a column before it has such an
// id: the rows that follow are looked at only then.

const (
	// lookedAt is how many rows are looked at from one with such an id on before
	// it is given out, and lookedAtBytes how much text of them.
	lookedAt      = 100
	lookedAtBytes = 1 << 20
	// roundedZeros is how many zeros past the 15th digit of different ids are no
	// chance any more, when no id has any other digit there: one in 100,000.
	roundedZeros = 5
)

// roundness is what is known of the ids of 16 and 17 digits of one field.
type roundness struct {
	settled bool     // for good, and
	rounded bool     // that a spreadsheet has rounded them
	zeros   []string // different ids with zeros past the 15th digit, while it is not settled
	last    string   // of those, the one that was seen last
}

// count is how many zeros past the 15th digit there are.
func (k *roundness) count() int {
	n := 0
	for _, id := range k.zeros {
		n += len(id) - 15
	}
	return n
}

// see takes an id into account, and says whether it is one with zeros of which
// is not settled what they are.
func (k *roundness) see(id []byte) (doubtful bool) {
	if k.settled || len(id) <= 15 || len(id) > maybeRound || !allDigits(id) {
		return false
	}
	if !zerosFrom16th(id) {
		*k = roundness{settled: true}
		return false
	}
	if k.count() < roundedZeros {
		if string(id) == k.last {
			return false // the rows after it were looked at for the row before
		}
		k.last = string(id)
		if !slices.Contains(k.zeros, k.last) {
			k.zeros = append(k.zeros, k.last)
		}
	}
	return true
}

// judge settles what can be settled by what was seen.
func (k *roundness) judge() {
	if !k.settled && k.count() >= roundedZeros {
		*k = roundness{settled: true, rounded: true}
	}
}

// unchecked is a row with its identifying cells, which were not looked at yet.
type unchecked struct {
	row   Row
	cells [fieldCount][]byte
}

func (u unchecked) clone() unchecked {
	u.row = u.row.Clone()
	for f, cell := range u.cells {
		u.cells[f] = slices.Clone(cell)
	}
	return u
}

// lookAhead reads the rows after the present one, which Next gives out later,
// sees their ids, and judges.
func (r *Reader) lookAhead() {
	r.now = r.now.clone()
	for len(r.ahead) < lookedAt-1 && r.aheadBytes < lookedAtBytes {
		var u unchecked
		if r.read(&u) != nil {
			break // it comes again after the rows
		}
		u = u.clone()
		r.ahead = append(r.ahead, u)
		r.aheadBytes += u.bytes()
		r.checker.check(&u.row, &u.cells)
	}
	r.checker.judge()
}

func (u *unchecked) bytes() int {
	n := len(u.row.Own) + len(u.row.Surplus)
	for _, cell := range u.cells {
		n += len(cell)
	}
	return n
}
