package sandbox

import "fmt"

// sentence is an error whose format is known, so that it can be said in other
// languages.
type sentence struct {
	format string
	args   []any
}

func sentencef(format string, args ...any) error { return &sentence{format, args} }

func (s *sentence) Error() string             { return fmt.Sprintf(s.format, s.args...) }
func (s *sentence) Sentence() (string, []any) { return s.format, s.args }
