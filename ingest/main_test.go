package ingest

import (
	"testing"

	"go.uber.org/goleak"
)

// No reader may leave its goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
