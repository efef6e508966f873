package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMetricsReplaceable(t *testing.T) {
	const ours = "# HELP mantatag_complete x\n# TYPE mantatag_complete gauge\n"
	for _, c := range []struct {
		text string
		want error
	}{
		{"", nil},
		{ours, nil},
		{"# managed by hand\n\n#\r\n" + ours, nil},
		{"# managed by hand\n", ErrNoMetrics},
		{"# HELP other_complete x\n" + ours, ErrNoMetrics},
		{"# TYPE other_complete gauge\nother_complete 1\n" + ours, ErrNoMetrics},
		{"other_complete 1\n" + ours, ErrNoMetrics},
		{"tagId,clientId\n", ErrNoMetrics},
		{"#" + strings.Repeat(" x", 64<<10) + "\n" + ours, ErrNoMetrics},
	} {
		file := filepath.Join(t.TempDir(), "job.prom")
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := MetricsReplaceable(file); got != c.want {
			t.Errorf("%.40q: %v, not %v", c.text, got, c.want)
		}
	}
	if err := MetricsReplaceable(filepath.Join(t.TempDir(), "none")); err != nil {
		t.Error(err)
	}
	if err := MetricsReplaceable(t.TempDir()); err != ErrNoMetrics {
		t.Error(err)
	}
}
