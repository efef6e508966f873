package ingest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestFindings(t *testing.T) {
	text := "tagId,客戶ID,platform,platformClientId\n" +
		"t1|t2, c1 ,,\n" +
		"t1,c2,line,U1\n" +
		"t1,1.2E+15,,\n" +
		"t1,3.4E+15,,\n" +
		"|,c3,,\n" +
		"1.5E+16|t2,c4,,\n"
	name := write(t, text)
	r, err := Open(name, Options{SplitTags: "|"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var f Findings
	for {
		row, err := r.Next()
		if err != nil {
			break
		}
		f.Add(&row)
	}
	if f.Rows != 6 || f.Mappings != 8 || f.Sendable != 4 || f.Failed != 4 {
		t.Errorf("%+v", f)
	}
	var got []string
	for _, found := range slices.Concat(f.Faults(), f.Mended(), f.Odd()) {
		got = append(got, found.ID)
	}
	if want := []string{"scientific", "no-tag", "surrounding-space", "odd-line"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	first := f.Faults()[0]
	if e := first.Examples[0]; first.Count != 3 || len(first.Examples) != 3 || e.Row != 3 || e.Line != 4 || e.Column != "客戶ID" || !strings.Contains(e.Message.String(), `客戶ID is "1.2E+15"`) {
		t.Errorf("%+v", first)
	}
}

func TestCount(t *testing.T) {
	name := write(t, "clientId,tagId\n"+strings.Repeat("c,t\n", 5000)+"c,\"t\n")
	if n, err := Count(t.Context(), name, Options{}); n != 5001 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Count(ctx, name, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
