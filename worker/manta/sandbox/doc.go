// Package sandbox stands in for the API: an [http.Handler] that keeps tags,
// limits the rate, is slow and fails, as its [Options] say. It serves trying
// things out and tests. It keeps its own account of everything and shares no
// code with the client, so that a misread contract cannot agree with itself.
package sandbox
