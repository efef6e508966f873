package main

import (
	"os"
	"path/filepath"
	"runtime"
	"time"

	"mantatag/worker/pace"
)

// stateFolder is where what was learned of rate limits is kept: the flag's
// folder, or the program's own in the user's state folder (XDG Base Directory
// Specification; on Windows the local application data). It is "" for a user
// who has no such place.
func stateFolder(flag string) string {
	if flag != "" {
		return flag
	}
	state := os.Getenv("XDG_STATE_HOME")
	if state == "" && runtime.GOOS == "windows" {
		state = os.Getenv("LOCALAPPDATA")
	}
	if state == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "mantatag")
}

// memory is where the limit of this API and bot is kept; nil for the sandbox,
// whose limit is not worth knowing tomorrow.
func (s *session) memory() *pace.Store {
	dir := stateFolder(s.stateDir)
	if s.sandbox || dir == "" {
		return nil
	}
	return &pace.Store{Dir: dir, Host: s.api.host, Bot: s.api.bot}
}

// recall is what earlier runs learned. A run goes on without it if it cannot
// be read.
func (s *session) recall() pace.Memory {
	store := s.memory()
	if store == nil {
		return pace.Memory{}
	}
	m, err := store.Load(time.Now())
	if err != nil {
		s.log.Warn().Msg(s.lang.Say("what earlier runs learned of the rate limit cannot be read, and this run begins without it: %[1]v", err))
	}
	return m
}

// remember keeps what this run learned, for tomorrow's. One that sent nothing only
// repeats what the run before it had learned, without how.
func (s *session) remember(m pace.Memory) {
	if m.Accepted+m.Refused == 0 {
		return
	}
	if store := s.memory(); store != nil {
		if err := store.Save(m); err != nil {
			s.log.Warn().Msg(s.lang.Say("what this run learned of the rate limit cannot be kept for the next: %[1]v", err))
		}
	}
}
