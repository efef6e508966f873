package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// commandLine is a command of this program, safe to paste into a shell.
func commandLine(words ...string) string { return commandLineOf(programName(), words...) }

func commandLineOf(program string, words ...string) string {
	line := quoteProgram(program, runtime.GOOS)
	for _, w := range words {
		line += " " + quote(w)
	}
	return line
}

// underGoRun is how "go run" is given the program: what it starts is gone
// afterwards.
const underGoRun = "go run ./cmd/mantatag"

// programName is how the user called the program.
func programName() string {
	name := os.Args[0]
	if strings.Contains(name, "go-build") {
		return underGoRun
	}
	if runtime.GOOS == "windows" {
		// Neither shell there tells how it was called; what it starts by name is
		// named so, and not by a path that would need quotes.
		base := filepath.Base(name)
		self, err := os.Executable()
		if found, err1 := exec.LookPath(base); err == nil && err1 == nil && sameFile(found, self) {
			return base
		}
		if base == name { // cmd looks into its own folder too, PowerShell does not
			return `.\` + name
		}
	}
	return name
}

// programAnywhere is the program as any folder can call it.
func programAnywhere() string {
	name := programName()
	if name != underGoRun && filepath.Base(name) != name {
		if absolute, err := filepath.Abs(name); err == nil {
			return absolute
		}
	}
	return name
}

// quote makes a word safe to paste into a shell, as the platform's shell reads it.
func quote(w string) string { return quoteFor(w, runtime.GOOS) }

// quoteProgram is quote of a command's first word. PowerShell, which any Windows
// has, runs a quoted one only after an &; cmd does not know that, but no form
// suits both.
func quoteProgram(name, goos string) string {
	if name == underGoRun {
		return name
	}
	quoted := quoteFor(name, goos)
	if goos == "windows" && quoted != name {
		return "& " + quoted
	}
	return quoted
}

// quoteFor is quote on a platform. On Windows the word suits both cmd and
// PowerShell, but for $, ` and typographic double quotes, which the one reads in its
// quotes, and %, which the other does: no form suits both.
func quoteFor(w, goos string) string {
	letter := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	}
	if goos == "windows" {
		plain := func(r rune) bool {
			// PowerShell takes typographic quotes for its own.
			return letter(r) || strings.ContainsRune(`_-+=./:\`, r) || r > 0x7f && !strings.ContainsRune("‘’‚‛“”„", r)
		}
		if w != "" && !strings.ContainsFunc(w, func(r rune) bool { return !plain(r) }) {
			return w
		}
		// Backslashes before a quote, also the closing one, are halved by the
		// program that reads them; all others stand for themselves.
		var b strings.Builder
		slashes := 0
		for _, r := range w {
			switch r {
			case '\\':
				slashes++
			case '"':
				b.WriteString(strings.Repeat(`\`, slashes+1))
				slashes = 0
			default:
				slashes = 0
			}
			b.WriteRune(r)
		}
		return `"` + b.String() + strings.Repeat(`\`, slashes) + `"`
	}
	plain := func(r rune) bool { return letter(r) || strings.ContainsRune("_-+=./:,@%", r) || r > 0x7f }
	if w != "" && !strings.ContainsFunc(w, func(r rune) bool { return !plain(r) }) {
		return w
	}
	return fmt.Sprintf("'%s'", strings.ReplaceAll(w, "'", `'\''`))
}
