package main

import (
	"os"
	"syscall"
)

// memory is the most that a process has taken, in bytes.
func memory(s *os.ProcessState) int64 { return s.SysUsage().(*syscall.Rusage).Maxrss << 10 }
