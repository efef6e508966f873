package report

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"mantatag/report/journal"
)

// WriteMetrics writes the summary to a file in Prometheus' text format, for
// the textfile collector of its node exporter. The file is written as a whole
// under a temporary name and renamed, and readable by all. Each metric carries
// the job's folder and the bot, so that the files of several jobs can lie side
// by side. docs/metrics.md lists the metrics.
func WriteMetrics(file string, sum Summary) error {
	registry := prometheus.NewRegistry()
	labels := prometheus.Labels{"folder": sum.Job, "bot": sum.BotID}
	gauge := func(name, help string, value float64) {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help, ConstLabels: labels})
		g.Set(value)
		registry.MustRegister(g)
	}
	by := func(name, help, label string, values map[string]int64) {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help, ConstLabels: labels}, []string{label})
		for value, n := range values {
			g.WithLabelValues(value).Set(float64(n))
		}
		registry.MustRegister(g)
	}
	truth := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}

	by("rows", "Rows of the input given last, by outcome.", "outcome", map[string]int64{
		"succeeded": sum.Rows.Succeeded, "failed": sum.Rows.Failed, "retryable": sum.Rows.Retryable, "pending": sum.Rows.Pending,
	})
	gauge("rows_earlier", "Rows whose outcome was recorded before the last run.", float64(sum.Rows.Earlier))
	gauge("rows_duplicate", "Rows that ask for the same as an earlier row of the input.", float64(sum.Rows.Duplicates))
	gauge("rows_in_doubt", "Rows that were, or may have been, sent without an answer of the API's own.", float64(sum.InDoubt))
	by("last_run_requests", "Requests of the last run, by answer.", "answer", map[string]int64{
		"succeeded": sum.Requests.Succeeded, "rate_limited": sum.Requests.RateLimited, "refused": sum.Requests.Refused,
		"server_error": sum.Requests.ServerErrors, "network_error": sum.Requests.NetworkErrors,
	})
	gauge("last_run_requests_sent", "Requests that the last run sent.", float64(sum.Requests.Sent))
	gauge("last_run_rows_per_second", "Rows that got their outcome in the last run, a second.", sum.Rate.Average)
	gauge("learned_requests_per_second", "Rate limit of the API as far as it was found out; 0 if it was not.", sum.Rate.Learned)
	gauge("sessions", "Runs of the job so far.", float64(sum.Sessions))
	gauge("last_run_started_timestamp_seconds", helpStarted, seconds(sum.StartedAt))
	if sum.FinishedAt != nil {
		gauge("last_run_finished_timestamp_seconds", helpFinished, seconds(*sum.FinishedAt))
	}
	gauge("last_run_duration_seconds", helpDuration, sum.ElapsedSeconds)
	gauge("last_run_exit_code", helpExitCode, float64(sum.ExitCode))
	gauge("complete", "1 if every row of the input has an outcome.", truth(sum.State == Complete))
	stopped := map[string]int64{}
	for _, by := range stopWords {
		stopped[by] = int64(truth(sum.StoppedBy == by))
	}
	by("last_run_stopped", "1 for what stopped the last run before its end.", "by", stopped)

	return writeRegistry(file, registry)
}

// WriteNotStarted writes the metrics of a run that ended before it had begun:
// when, and with which exit code. Of the job there is nothing to say.
func WriteNotStarted(file, folder, bot string, began time.Time, code int) error {
	registry := prometheus.NewRegistry()
	now := time.Now()
	for _, g := range []struct {
		name, help string
		value      float64
	}{
		{"last_run_started_timestamp_seconds", helpStarted, seconds(began)},
		{"last_run_finished_timestamp_seconds", helpFinished, seconds(now)},
		{"last_run_duration_seconds", helpDuration, now.Sub(began).Seconds()},
		{"last_run_exit_code", helpExitCode, float64(code)},
	} {
		gauge := prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: g.name, Help: g.help, ConstLabels: prometheus.Labels{"folder": folder, "bot": bot},
		})
		gauge.Set(g.value)
		registry.MustRegister(gauge)
	}
	return writeRegistry(file, registry)
}

// ErrNoMetrics and errUnread are why a file is not replaced.
var (
	ErrNoMetrics = errors.New("it is there already, and holds no metrics of mantatag")
	errUnread    = errors.New("it is there already, and cannot be read to see whether it holds metrics of mantatag; let it be read, or remove it")
)

// MetricsReplaceable says why metrics may not take the place of the file path:
// nil where there is none, or it is empty, or holds metrics of ours; ErrNoMetrics
// where it does not; and any other error where that could not be found out.
func MetricsReplaceable(path string) error {
	switch info, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return ErrNoMetrics
	case info.Size() == 0:
		return nil
	}
	f, err := journal.OpenToRead(path)
	if err != nil {
		return err
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil {
		return err
	}
	// Others put comments above, as that the file is managed.
	for line := range bytes.Lines(head) {
		switch line = bytes.TrimSpace(line); {
		case bytes.HasPrefix(line, []byte("# HELP "+namespace+"_")):
			return nil
		case len(line) > 0 && line[0] != '#', bytes.HasPrefix(line, []byte("# HELP ")), bytes.HasPrefix(line, []byte("# TYPE ")):
			return ErrNoMetrics
		}
	}
	return ErrNoMetrics
}

// writeRegistry is prometheus.WriteToTextfile, but with the care of every file here.
func writeRegistry(file string, registry *prometheus.Registry) error {
	// It may be the job's own, which the run has made.
	if err := MetricsReplaceable(file); err != nil {
		if !errors.Is(err, ErrNoMetrics) {
			err = errUnread
		}
		return &fs.PathError{Op: "write", Path: file, Err: err}
	}
	families, err := registry.Gather()
	if err != nil {
		return err
	}
	f := realDisk.file(file)
	f.mode = 0o644
	var text bytes.Buffer
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(&text, family); err != nil {
			return err
		}
	}
	f.write(text.Bytes())
	err = f.commit()
	if disk, ok := errors.AsType[*journal.DiskError](err); ok { // it is no file of the job
		err = &fs.PathError{Op: "write", Path: file, Err: disk.Err}
	}
	return err
}

const (
	namespace = "mantatag"

	helpStarted  = "When the last run began."
	helpFinished = "When the last run ended; missing if that could not be recorded."
	helpDuration = "How long the last run took."
	helpExitCode = "Exit code of the last run."
)

// stopWords are the words of stopped_by.
var stopWords = []string{"interrupt", "deadline", "credentials", "bot", "outage", "failures", "disk", "input", "config"}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
