package ingest

// An id of 16 or 17 digits that ends in zeros past the 15th may be one that a
// spreadsheet has rounded, or one that is so by chance. Whether all of them end
// so tells which.

const (
	// lookedAt is how many rows are looked at before the first is given out, and
	// lookedAtBytes how much text of them.
	lookedAt      = 100
	lookedAtBytes = 1 << 20
	// roundedZeros is how many zeros past the 15th digit of different ids are no
	// chance any more, when no id has any other digit there: one in 100,000.
	roundedZeros = 5
)

// roundedFields are the fields whose ids of 16 and 17 digits a spreadsheet has
// rounded.
type roundedFields [fieldCount]bool

// lookAhead reads the first rows, which Next gives out later, and judges their
// ids.
func (r *Reader) lookAhead() roundedFields {
	bytes := 0
	for len(r.ahead) < lookedAt && bytes < lookedAtBytes {
		row, err := r.read()
		if err != nil {
			break // it comes again after the rows
		}
		row = row.Clone()
		bytes += len(row.Own) + len(row.Surplus)
		r.ahead = append(r.ahead, row)
	}
	return roundedFields{
		fieldTag:            allRounded(r.ahead, func(m *Mapping) string { return m.TagID }),
		fieldClient:         allRounded(r.ahead, func(m *Mapping) string { return m.ClientID }),
		fieldPlatformClient: allRounded(r.ahead, func(m *Mapping) string { return m.PlatformClientID }),
	}
}

func allRounded(rows []Row, idOf func(*Mapping) string) bool {
	zeros, seen := 0, map[string]bool{}
	for i := range rows {
		id := idOf(&rows[i].Mapping)
		if len(id) <= 15 || len(id) > maybeRound || seen[id] || !allDigits([]byte(id)) {
			continue
		}
		if zerosFrom16th([]byte(id)) == 0 {
			return false
		}
		seen[id] = true
		zeros += len(id) - 15
	}
	return zeros >= roundedZeros
}
