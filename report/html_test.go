package report

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"mantatag/report/journal"
)

// Text from the input, the API and the command line reaches the page as text,
// and the page asks nothing of the network.
func TestPageIsHarmless(t *testing.T) {
	const attack = `<script>alert(1)</script><img src="http://evil.example/x" onerror=alert(1)>`
	b := newJob(t, "it's &lt;.csv", "tagId,clientId,platform\nt1,c1,\nt1,,\""+strings.ReplaceAll(attack, `"`, `""`)+"\"\n")
	b.src.Bot = attack
	b.src.StoppedBy, b.src.Message = "config", attack
	b.begin()
	b.must(b.j.Append(journal.Entry{
		Kind: journal.Failed, Key: journal.NewKey(testHost, attack, "t1", "c1", "", ""), At: b.now, Status: 404, Reason: attack,
	}, nil))
	b.end("", "")
	b.src.Options.BotID = ""
	b.write()
	page := b.read(pageName)
	for _, bad := range []string{`(?i)<(script|img|link|iframe|a)\b`, `<[^>]*\b(src|href)=`, `url\(`, `@import`, `it's &lt;`} {
		if found := regexp.MustCompile(bad).FindString(page); found != "" {
			t.Errorf("the page has %s", found)
		}
	}
	for _, address := range regexp.MustCompile(`https?://[^"'<& ]+`).FindAllString(page, -1) {
		if !strings.HasPrefix(address, "http://www.w3.org/") && !strings.HasPrefix(address, "http://evil.example/x") {
			t.Errorf("the page has the address %s", address)
		}
	}
	if !strings.Contains(page, "&lt;script&gt;alert(1)") {
		t.Error("the text itself is not shown")
	}
}

// Every sentence that the code names is in the catalogue, and is used.
func TestWords(t *testing.T) {
	named := map[string]bool{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, "report.html.tmpl") {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?:say\(|say |add\([^"\n]*|one\()"([a-z0-9-]+)"`).FindAllSubmatch(text, -1) {
			named[string(m[1])] = true
		}
	}
	for _, by := range stopWords {
		named["by-"+by] = true
	}
	for _, by := range []string{"credentials", "bot", "failures"} {
		named["do-"+by] = true
	}
	delete(named, "do-")
	delete(named, "by-")
	for id := range named {
		if english[id] == "" {
			t.Errorf("there is no sentence %q", id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(english)) {
		if !named[id] {
			t.Errorf("the sentence %q is not used", id)
		}
	}
}

func TestMetrics(t *testing.T) {
	b := mixedJob(t, "clients.csv", mixedCSV)
	sum := b.write()
	b.must(WriteMetrics(filepath.Join(b.dir, "job.prom"), sum))
	b.golden("job.prom", "job.prom")
	if info, err := os.Stat(filepath.Join(b.dir, "job.prom")); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o644 {
		t.Errorf("the collector may not read it: %v, %v", info, err)
	}
	b.noTemporaries()
	if err := WriteMetrics(filepath.Join(b.dir, "missing", "job.prom"), sum); err == nil {
		t.Error("there is no error for a folder that is not there")
	}
}

func TestRatesAreRounded(t *testing.T) {
	for x, want := range map[float64]string{0: "0", 0.5: "0.5", 49.98836049188404: "50", 4.256: "4.26", 1450.4: "1,450"} {
		if got := decimal(x); got != want {
			t.Errorf("%v is written %s, not %s", x, got, want)
		}
	}
}
