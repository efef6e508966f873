//go:build unix

package report

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A file of ours that may not be read is not called one of others.
func TestMetricsThatCannotBeRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "job.prom")
	if err := os.Symlink(file, file); err != nil { // root may read whatever there is
		t.Fatal(err)
	}
	var path *fs.PathError
	if err := MetricsReplaceable(file); !errors.As(err, &path) {
		t.Error(err)
	}
	err := WriteNotStarted(file, "job", "bot", time.Now(), 2)
	if !errors.As(err, &path) || path.Path != file || path.Err != errUnread {
		t.Error(err)
	}
}
