package ingest

import (
	"cmp"
	"errors"
	"slices"
)

// exampleCount is how many rows a Finding names.
const exampleCount = 3

// Findings counts what was found in the rows of an input. The zero value is
// ready for use.
type Findings struct {
	Rows     int64 // rows of the input
	Mappings int64 // what they ask for: more than Rows where a row asks for several tags
	Sendable int64 // of the mappings
	Failed   int64 // of the mappings; a row that fails as a whole counts as one

	last   int64
	faults map[string]*Finding
	mended map[string]*Finding
	odd    map[string]*Finding
}

// Finding is one kind of thing that was found.
type Finding struct {
	ID       string // of its messages
	Count    int64
	Examples []Example // the first few
}

// Example is where something was found.
type Example struct {
	Row, Line int64
	Column    string // as the input names it; "" for the row as a whole
	Message   Message
}

// Add counts a row.
func (f *Findings) Add(row *Row) {
	if row.Number != f.last {
		f.Rows++
		f.last = row.Number
	}
	f.Mappings++
	var fault *Fault
	if errors.As(row.Err, &fault) {
		f.Failed++
		count(&f.faults, row, fault.Message, fault.Column)
	} else {
		f.Sendable++
	}
	for _, n := range row.Notes {
		if n.Mended {
			count(&f.mended, row, n.Message, n.Column)
		} else {
			count(&f.odd, row, n.Message, n.Column)
		}
	}
}

func count(in *map[string]*Finding, row *Row, m Message, column string) {
	if *in == nil {
		*in = map[string]*Finding{}
	}
	found := (*in)[m.ID]
	if found == nil {
		found = &Finding{ID: m.ID}
		(*in)[m.ID] = found
	}
	found.Count++
	if len(found.Examples) < exampleCount {
		found.Examples = append(found.Examples, Example{Row: row.Number, Line: row.Line, Column: column, Message: m})
	}
}

// Faults are the reasons for which rows fail, the most frequent first.
func (f *Findings) Faults() []Finding { return ordered(f.faults) }

// Mended is what was mended, the most frequent first.
func (f *Findings) Mended() []Finding { return ordered(f.mended) }

// Odd is what was only odd, the most frequent first.
func (f *Findings) Odd() []Finding { return ordered(f.odd) }

func ordered(in map[string]*Finding) []Finding {
	var all []Finding
	for _, found := range in {
		all = append(all, *found)
	}
	slices.SortFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Examples[0].Row, b.Examples[0].Row), cmp.Compare(a.ID, b.ID))
	})
	return all
}
