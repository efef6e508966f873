package report

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"unicode"

	"mantatag/ingest"
	"mantatag/report/journal"
)

const (
	maxKinds    = 200 // kept while reading, so that memory is bounded
	maxExamples = 3   // kept of each

	// mixed is the reason in the keys of rows that come too late to be kept
	// apart by their reasons.
	mixed = "\x00"
)

// kindKey tells the kinds of error apart: by the name of a fault that ingest
// found, or else by the shape of the reason.
type kindKey struct {
	outcome      journal.Kind
	status, code int
	reason       string
}

// kind is a kind of error.
type kind struct {
	kindKey
	mixed    bool // reasons of many kinds, too many to keep them apart
	count    int64
	examples []example // the first rows
}

type example struct {
	row, line int64
	reason    string
}

// kinds groups the rows that did not succeed.
type kinds struct {
	byKey map[kindKey]*kind
}

// add counts a row. fault is the name of the fault that ingest found, if any.
func (ks *kinds) add(row *ingest.Row, o *outcome, fault string) {
	key := kindKey{o.kind, o.status, o.code, fault}
	if fault == "" {
		key.reason = shape(o.reason)
	}
	k := ks.byKey[key]
	if k == nil && len(ks.byKey) >= maxKinds {
		key.reason = mixed
		k = ks.byKey[key]
	}
	if k == nil {
		if ks.byKey == nil {
			ks.byKey = map[kindKey]*kind{}
		}
		k = &kind{kindKey: key, mixed: key.reason == mixed}
		ks.byKey[key] = k
	}
	k.count++
	if len(k.examples) < maxExamples {
		k.examples = append(k.examples, example{row.Number, row.Line, visible(o.reason)})
	}
}

// list is all kinds, the most frequent first.
func (ks *kinds) list() []*kind {
	list := make([]*kind, 0, len(ks.byKey))
	for _, k := range ks.byKey {
		list = append(list, k)
	}
	slices.SortFunc(list, func(a, b *kind) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.examples[0].row, b.examples[0].row), cmp.Compare(a.reason, b.reason))
	})
	return list
}

// shape is a reason without the words that hold a digit: mostly ids and times,
// which make each row's reason differ.
func shape(reason string) string {
	if !strings.ContainsFunc(reason, unicode.IsDigit) {
		return reason
	}
	words := strings.Fields(reason)
	for i, w := range words {
		if strings.ContainsFunc(w, unicode.IsDigit) {
			words[i] = "…"
		}
	}
	return strings.Join(words, " ")
}

// faultID is the name of a fault that ingest found.
func faultID(err error) string {
	if f, ok := errors.AsType[*ingest.Fault](err); ok {
		return f.ID
	}
	return ""
}
