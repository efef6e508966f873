//go:build !windows

package lang

// setting is "": elsewhere the environment has it.
func setting() string { return "" }
