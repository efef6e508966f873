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
	Count    int64
	Examples []example // the first rows
}

func (k *kind) Outcome() string { return k.outcome.String() }
func (k *kind) Status() int     { return k.status }
func (k *kind) Code() int       { return k.code }

// Reason is that of the first row, or nothing for a kind that is mixed.
func (k *kind) Reason() string {
	if k.reason == "" {
		return ""
	}
	return k.Examples[0].Reason
}

type example struct {
	Row, Line int64
	Reason    string
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
		key.reason = ""
		k = ks.byKey[key]
	}
	if k == nil {
		if ks.byKey == nil {
			ks.byKey = map[kindKey]*kind{}
		}
		k = &kind{kindKey: key}
		ks.byKey[key] = k
	}
	k.Count++
	if len(k.Examples) < maxExamples {
		k.Examples = append(k.Examples, example{row.Number, row.Line, visible(o.reason)})
	}
}

// list is all kinds, the most frequent first.
func (ks *kinds) list() []*kind {
	list := make([]*kind, 0, len(ks.byKey))
	for _, k := range ks.byKey {
		list = append(list, k)
	}
	slices.SortFunc(list, func(a, b *kind) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Examples[0].Row, b.Examples[0].Row), cmp.Compare(a.reason, b.reason))
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
