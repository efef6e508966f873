package ingest_test

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"mantatag/ingest"
)

// A row asks for a tag or does not: naming it twice, or once more in full
// width, is naming it once. Notes on the row come with its first tag only.
func TestTagNamedTwiceInOneCell(t *testing.T) {
	name := filepath.Join(t.TempDir(), "in.csv")
	text := "tagId,clientId\nt1|t2| t1 |ｔ２|t3|t1,'c1\n\u200B|t1,c2\n"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := ingest.Open(name, ingest.Options{SplitTags: "|"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var tags []string
	notes := 0
	for {
		row, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if row.Err != nil {
			tags = append(tags, row.Err.(*ingest.Fault).ID)
			continue
		}
		tags = append(tags, row.ClientID+row.TagID)
		if row.Number == 1 {
			notes += len(row.Notes)
		}
	}
	if want := []string{"c1t1", "c1t2", "c1t3", "no-tag", "c2t1"}; !slices.Equal(tags, want) {
		t.Errorf("%q, not %q", tags, want)
	}
	if notes != 1 {
		t.Errorf("%d notes on the first row, not 1", notes)
	}
}
