package main

import (
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"mantatag/ingest"
	"mantatag/report/journal"
)

// addReading adds the flags that say how an input is read, which run and check
// share.
func addReading(f *pflag.FlagSet, o *ingest.Options) {
	f.StringVar(&o.Tag, "tag", "", "the tag `ID` of rows that have none")
	f.StringVar(&o.Platform, "platform", "", "the `platform` of rows that have none: line, facebook, instagram, liveChat or whatsapp")
	f.Var((*columnMap)(&o.Map), "map", "the column of a field, where its name does not say so")
	f.Var(newChoice(&o.Format, "auto", "auto", ingest.CSV, ingest.TSV, ingest.NDJSON, ingest.XLSX), "format", "the format of INPUT")
	f.StringVar(&o.Delimiter, "delimiter", "", "the `character` between two cells, or tab (default: found from the content)")
	f.StringVar(&o.Encoding, "encoding", "", "the `encoding` of the text, such as utf-8, big5, gb18030, utf-16le or windows-1252 (default: found from the content)")
	f.StringVar(&o.Sheet, "sheet", "", "the `name` of the sheet of a workbook (default: the first that is not hidden)")
	f.StringVar(&o.SplitTags, "split-tags", "", "`what` stands between the tags of a cell that holds several, such as '|', or \\n for a line break")
}

// inputOf is an INPUT as it was given, or - where it is a name that the system has
// for standard input: no job can lie beside that.
func inputOf(arg string) string {
	switch arg {
	case "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0":
		return "-"
	}
	return arg
}

// quoted lists the names of sheets.
func quoted(names []string) string {
	var all []string
	for _, name := range names {
		all = append(all, strconv.Quote(name))
	}
	return strings.Join(all, ", ")
}

// paramsOf is how the journal keeps the way in which an input is read, and
// optionsOf is the way back.
func paramsOf(o ingest.Options, holdInDoubt bool) journal.Params {
	return journal.Params{
		Format: o.Format, Map: o.Map, Tag: o.Tag, Platform: o.Platform,
		Delimiter: o.Delimiter, Encoding: o.Encoding, Sheet: o.Sheet, SplitTags: o.SplitTags,
		HoldInDoubt: holdInDoubt,
	}
}

func optionsOf(p journal.Params, bot string) ingest.Options {
	return ingest.Options{
		Format: p.Format, Map: p.Map, Tag: p.Tag, Platform: p.Platform, BotID: bot,
		Delimiter: p.Delimiter, Encoding: p.Encoding, Sheet: p.Sheet, SplitTags: p.SplitTags,
	}
}

// firstRows is how many rows a run looks at before anything is made or sent.
const firstRows = 100

// tryInput opens the input and looks at its header and its first rows, and returns
// what was found out about it. If none
// of so many can be sent, something is wrong with all of them; but not so where
// known is true, of an input that a job has had outcomes of, and in an outcome
// file, which may well begin with what could not be sent before.
func tryInput(name string, o ingest.Options, known func() bool) (ingest.Layout, error) {
	r, err := ingest.Open(name, o)
	if err != nil {
		return ingest.Layout{}, err
	}
	defer r.Close()
	found := r.Layout()
	var line int64
	var why error
	for range firstRows {
		row, err := r.Next()
		switch {
		case errors.Is(err, io.EOF), err == nil && row.Err == nil:
			return found, nil // a file of a few bad rows is reported row by row
		case err != nil:
			return found, err
		case why == nil:
			line, why = row.Line, row.Err
		}
	}
	if r.Layout().Outcomes || known() {
		return found, nil
	}
	return found, usagef("%[1]s: none of the first %[2]d rows can be sent, so nothing was; on line %[3]s: %[4]w; mantatag check says what is wrong with the others",
		name, firstRows, strconv.FormatInt(line, 10), why)
}
