package main

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// The figures of docs/benchmarks.md, each beside what it is compared with in
// the same run. MANTATAG_BENCH_ROWS sets the size of the large job.

func benchRows(b *testing.B) int {
	n := 1_000_000
	if s := os.Getenv("MANTATAG_BENCH_ROWS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	return n
}

// writeClients writes an input of n rows as a CRM would export it.
func writeClients(b *testing.B, name string, n int) {
	b.Helper()
	f, err := os.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprint(w, "姓名,tagId,platform,platformClientId,備註\n")
	for i := range n {
		fmt.Fprintf(w, "王小明%d,tagSpringSale,line,U%032x,喜歡抹茶、烏龍茶\n", i, i)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}

// acceptAll is an API without limit or latency.
func acceptAll(b *testing.B) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"success":true,"message":"Create client tag mapping successfully"}`)
	}))
	b.Cleanup(s.Close)
	return s
}

func benchEnv(b *testing.B, url string) {
	for k, v := range map[string]string{"MANTATAG_TOKEN": "a-token-for-tests", "MANTATAG_SECRET": "a-secret-for-tests", "MANTATAG_BOT_ID": "b", "MANTATAG_API_URL": url} {
		b.Setenv(k, v)
	}
}

func benchArgs(input, dir string) []string {
	return []string{"run", input, "--job", filepath.Join(dir, "job"), "--quiet", "--rate", "1000000/s", "--concurrency", "32", "--state-dir", filepath.Join(dir, "state")}
}

// BenchmarkThroughput is a whole run in this process, journal and reports
// included, over a bare loop of the same requests at the same server; and over
// the same bare loop two others, with little of what a run has to do: leastLoop.
func BenchmarkThroughput(b *testing.B) {
	const rows = 40_000
	server := acceptAll(b)
	benchEnv(b, server.URL)
	var bare, full, least, promised time.Duration
	for b.Loop() {
		start := time.Now()
		bareLoop(b, server.URL, rows)
		bare += time.Since(start)

		dir := b.TempDir()
		input := filepath.Join(dir, "clients.csv")
		writeClients(b, input, rows)
		start = time.Now()
		if code := execute(b.Context(), benchArgs(input, dir)); code != 0 {
			b.Fatalf("exit %d", code)
		}
		full += time.Since(start)

		start = time.Now()
		leastLoop(b, server.URL, input, b.TempDir(), false)
		least += time.Since(start)
		start = time.Now()
		leastLoop(b, server.URL, input, b.TempDir(), true)
		promised += time.Since(start)
	}
	per := float64(b.N * rows)
	b.ReportMetric(per/full.Seconds(), "rows/s")
	b.ReportMetric(per/bare.Seconds(), "bare-requests/s")
	b.ReportMetric(bare.Seconds()/full.Seconds(), "of-bare")
	b.ReportMetric(bare.Seconds()/least.Seconds(), "least-of-bare")
	b.ReportMetric(bare.Seconds()/promised.Seconds(), "promised-of-bare")
}

// bareLoop is the least that 32 goroutines can do to send the same requests.
func bareLoop(b *testing.B, url string, rows int) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}}
	defer client.CloseIdleConnections()
	next := make(chan int)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for i := range next {
				body := fmt.Sprintf(`{"secret":"s","tagId":"tagSpringSale","platform":"line","platformClientId":"U%032x"}`, i)
				req, err := http.NewRequest("POST", url+"/openapi/clientTagMapping?botId=b", strings.NewReader(body))
				if err != nil {
					b.Error(err)
					return
				}
				req.Header.Set("Authorization", "Bearer t")
				req.Header.Set("Content-Type", "application/json")
				res, err := client.Do(req)
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
			}
		})
	}
	for i := range rows {
		next <- i
	}
	close(next)
	wg.Wait()
}

// BenchmarkMillion runs a large job to its end in a process of its own and then
// goes on with the finished job: peak memory of both, and the time of the
// second over that of encoding/csv reading the same input.
func BenchmarkMillion(b *testing.B) {
	rows := benchRows(b)
	server := acceptAll(b)
	benchEnv(b, server.URL)
	b.Setenv("MANTATAG_TEST_MAIN", "1")
	for b.Loop() {
		dir := b.TempDir()
		input := filepath.Join(dir, "clients.csv")
		writeClients(b, input, rows)

		whole := child(b, benchArgs(input, dir)...)
		b.ReportMetric(float64(whole.rss)/(1<<20), "run-MiB")
		b.ReportMetric(float64(rows)/whole.wall.Seconds(), "run-rows/s")
		b.ReportMetric((float64(whole.rss)-64<<20)/float64(rows), "run-bytes/row-over-64MiB")

		bare := time.Duration(1 << 62)
		again := process{wall: bare}
		for range 3 {
			start := time.Now()
			readCSV(b, input)
			bare = min(bare, time.Since(start))
			if p := child(b, benchArgs(input, dir)...); p.wall < again.wall {
				again = p
			}
		}
		b.ReportMetric(bare.Seconds(), "csv-s")
		b.ReportMetric(again.wall.Seconds(), "again-s")
		b.ReportMetric((again.wall.Seconds()-1)/bare.Seconds(), "again-less-1s/csv")
		b.ReportMetric(float64(again.rss)/(1<<20), "again-MiB")
	}
}

// BenchmarkCheck is check in a process of its own: its time over that of
// encoding/csv reading the same bytes, and its memory.
func BenchmarkCheck(b *testing.B) {
	rows := benchRows(b)
	b.Setenv("MANTATAG_TEST_MAIN", "1")
	for name, encoding := range map[string]encoding.Encoding{"utf-8": unicode.UTF8, "big5": traditionalchinese.Big5} {
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			input := filepath.Join(dir, "clients.csv")
			writeClients(b, input, rows)
			encode(b, input, encoding)
			for b.Loop() {
				bare := time.Duration(1 << 62)
				check := process{wall: bare}
				for range 5 {
					start := time.Now()
					readCSV(b, input)
					bare = min(bare, time.Since(start))
					p := child(b, "check", input, "--json", "--output", filepath.Join(dir, "bad.csv"))
					check.wall, check.rss = min(check.wall, p.wall), max(check.rss, p.rss)
				}
				b.ReportMetric(bare.Seconds(), "csv-s")
				b.ReportMetric(check.wall.Seconds(), "check-s")
				b.ReportMetric(check.wall.Seconds()/bare.Seconds(), "check/csv")
				b.ReportMetric(float64(check.rss)/(1<<20), "check-MiB")
				b.ReportMetric((float64(check.rss)-64<<20)/float64(rows), "bytes/row-over-64MiB")
			}
		})
	}
}

// encode rewrites a file of UTF-8 in another encoding.
func encode(b *testing.B, name string, e encoding.Encoding) {
	b.Helper()
	in, err := os.Open(name)
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(name + ".tmp")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.Copy(transform.NewWriter(out, e.NewEncoder()), in); err != nil {
		b.Fatal(err)
	}
	if err := out.Close(); err != nil {
		b.Fatal(err)
	}
	if err := os.Rename(out.Name(), name); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkVersion is the start-up of the program.
func BenchmarkVersion(b *testing.B) {
	bin := filepath.Join(b.TempDir(), "mantatag")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	for b.Loop() {
		if err := exec.Command(bin, "--version").Run(); err != nil {
			b.Fatal(err)
		}
	}
}

type process struct {
	wall time.Duration
	rss  int64 // bytes
}

func child(b *testing.B, args ...string) process {
	b.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Stderr = os.Stderr
	start := time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatal(err)
	}
	return process{time.Since(start), cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10}
}

func readCSV(b *testing.B, name string) {
	b.Helper()
	f, err := os.Open(name)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	for {
		if _, err := r.Read(); err == io.EOF {
			return
		} else if err != nil {
			b.Fatal(err)
		}
	}
}
