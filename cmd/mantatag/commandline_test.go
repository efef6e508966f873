package main

import "testing"

// What is printed to be pasted is one word to the platform's shell.
func TestQuote(t *testing.T) {
	for _, c := range []struct{ word, linux, windows string }{
		{"clients.csv", "clients.csv", "clients.csv"},
		{"--rate=50/s", "--rate=50/s", "--rate=50/s"},
		{`C:\jobs\a.csv`, `'C:\jobs\a.csv'`, `C:\jobs\a.csv`},
		{"客戶.csv", "客戶.csv", "客戶.csv"},
		{"", "''", `""`},
		{"my file", "'my file'", `"my file"`},
		{`C:\my jobs\`, `'C:\my jobs\'`, `"C:\my jobs\\"`},
		{"a,b", "a,b", `"a,b"`},
		{"@a", "@a", `"@a"`},
		{"a;b", "'a;b'", `"a;b"`},
		{"a'b", `'a'\''b'`, `"a'b"`},
		{"a’b", "a’b", `"a’b"`},
		{"{a}", "'{a}'", `"{a}"`},
		{"a|b", "'a|b'", `"a|b"`},
		{`a"b`, `'a"b'`, `"a\"b"`},
		{`a\"b`, `'a\"b'`, `"a\\\"b"`},
		{"a!b#c~d*e", "'a!b#c~d*e'", `"a!b#c~d*e"`},
	} {
		if got := quoteFor(c.word, "linux"); got != c.linux {
			t.Errorf("%q is %s, want %s", c.word, got, c.linux)
		}
		if got := quoteFor(c.word, "windows"); got != c.windows {
			t.Errorf("on Windows %q is %s, want %s", c.word, got, c.windows)
		}
	}
}

func TestQuoteProgram(t *testing.T) {
	for _, c := range []struct{ name, goos, want string }{
		{"mantatag.exe", "windows", "mantatag.exe"},
		{`.\mantatag.exe`, "windows", `.\mantatag.exe`},
		{`C:\my programs\mantatag.exe`, "windows", `& "C:\my programs\mantatag.exe"`},
		{"/opt/my programs/mantatag", "linux", "'/opt/my programs/mantatag'"},
		{underGoRun, "windows", underGoRun},
		{underGoRun, "linux", underGoRun},
	} {
		if got := quoteProgram(c.name, c.goos); got != c.want {
			t.Errorf("%s on %s is %s, want %s", c.name, c.goos, got, c.want)
		}
	}
}
