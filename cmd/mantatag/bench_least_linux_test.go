package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"mantatag/report/journal"
	"mantatag/worker/manta"
)

// leastLoop is the bare loop, at a transport without an http.Client as in a run,
// with little of what a run must do besides: it reads its rows from the input, gives
// each request a time-out and an id, reads the answer, appends intent and outcome to
// a journal, and writes the rows with their outcomes when all is done. With promised
// it waits for each intent to be durable, as many of them ahead as a run has, and keeps
// a request's place until its outcome is written: so it promises of each row what a run
// does. It does none of the rest: no pacing, no outage, no stall, no duplicates, no
// progress, no page.
func leastLoop(b *testing.B, url, input, dir string, promised bool) {
	type sent struct {
		cells []string
		n     int64
	}
	key := func(cells []string) journal.Key { return journal.NewKey("h", "b", cells[1], "", cells[2], cells[3]) }
	j, err := journal.Open(filepath.Join(dir, "least"), journal.Options{Host: "h"})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	if err := j.Begin(journal.Session{Begin: time.Now()}); err != nil {
		b.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 32}
	defer transport.CloseIdleConnections()

	const success = `{"success":true,"message":"Create client tag mapping successfully"}`
	to, err := http.NewRequest("POST", url+"/openapi/clientTagMapping?botId=b", nil)
	if err != nil {
		b.Fatal(err)
	}
	id := func(row sent) string { return "abcdefghij-" + strconv.FormatInt(row.n, 10) }
	intent := func(row sent) journal.Entry {
		return journal.Entry{Kind: journal.Intent, Key: key(row.cells), Row: row.n, Attempts: 1, At: time.Now(), Request: id(row)}
	}
	tag := func(row sent) error {
		about := intent(row)
		if !promised {
			if err := j.Append(about, nil); err != nil {
				return err
			}
		}
		body, err := json.Marshal(struct {
			Secret string `json:"secret"`
			manta.Mapping
		}{"s", manta.Mapping{TagID: row.cells[1], Platform: row.cells[2], PlatformClientID: row.cells[3]}})
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(b.Context(), 30*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, "POST", "", bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.URL, req.Host = to.URL, to.Host
		req.Header = http.Header{"Authorization": {"Bearer t"}, "Content-Type": {"application/json"}, "X-Request-Id": {about.Request}}
		res, err := transport.RoundTrip(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if answer, err := io.ReadAll(res.Body); err != nil || string(answer) != success {
			return fmt.Errorf("no success: %s, %v", answer, err)
		}
		about.Kind, about.At, about.Status, about.Request = journal.Succeeded, time.Now(), res.StatusCode, ""
		if !promised {
			return j.Append(about, nil)
		}
		written := make(chan error, 1)
		if err := j.Append(about, func(err error) { written <- err }); err != nil {
			return err
		}
		j.Hurry()
		return <-written
	}
	const ahead = 12 * 32            // rows with an intent on disk, half of which are let in at once
	next := make(chan sent, 2*ahead) // never full: those who let in may not wait
	groups := make(chan struct{}, 2)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for row := range next {
				if promised && row.n%(ahead/2) == 0 {
					<-groups
				}
				if err := tag(row); err != nil {
					b.Error(err)
				}
			}
		})
	}
	var group []sent
	var let sync.WaitGroup
	letIn := func() {
		if len(group) == 0 {
			return
		}
		rows, intents := group, make([]journal.Entry, 0, len(group))
		for _, row := range rows {
			intents = append(intents, intent(row))
		}
		group = nil
		let.Add(1)
		if err := j.Intend(intents, func(error) { // which Flush tells
			defer let.Done()
			for _, row := range rows {
				next <- row
			}
		}); err != nil {
			b.Fatal(err)
		}
	}
	eachRow(b, input, func(n int64, cells []string) {
		row := sent{cells, n}
		if !promised {
			next <- row
			return
		}
		if group = append(group, row); n%(ahead/2) == 0 {
			groups <- struct{}{}
			letIn()
		}
	})
	letIn()
	let.Wait()
	close(next)
	wg.Wait()
	if err := j.Flush(); err != nil {
		b.Fatal(err)
	}

	out, err := os.Create(filepath.Join(dir, "least.csv"))
	if err != nil {
		b.Fatal(err)
	}
	defer out.Close()
	w := csv.NewWriter(out)
	eachRow(b, input, func(_ int64, cells []string) {
		e, err := j.Entry(j.Lookup(key(cells)))
		if err != nil || e.Kind != journal.Succeeded {
			b.Errorf("a row has no success: %v, %v", e, err)
		}
		_ = w.Write(append(cells, strconv.Itoa(e.Status), e.At.Format(time.RFC3339))) // Flush tells
	})
	if w.Flush(); w.Error() != nil {
		b.Fatal(w.Error())
	}
}

// eachRow reads an input below its header.
func eachRow(b *testing.B, input string, row func(n int64, cells []string)) {
	f, err := os.Open(input)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	for n := int64(0); ; n++ {
		cells, err := r.Read()
		switch {
		case err == io.EOF:
			return
		case err != nil:
			b.Fatal(err)
		case n > 0:
			row(n, cells)
		}
	}
}
