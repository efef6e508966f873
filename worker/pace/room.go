package pace

// A server may let in as many requests as it likes, but only so many at once. It
// is met with a bound on those in flight.

const (
	// Limits on those in flight are told from limits on the rate from here on;
	// with fewer in flight, a slow bucket looks the same.
	leastRoom = 5

	// So many refusals in a row with the same in flight are no chance.
	mostPacked = 3
)

// crowding sees whether refusals come whenever so many are in flight, and only
// then, which is a limit on those in flight and not on the rate.
func (s *State) crowding(o Observation) {
	switch {
	case s.probing || s.fixed || s.Window > 0:
		return
	case s.room > 0:
		soon := s.accepted < firstPatience/2 && s.refusals > 1 // one from memory may be one too high
		if s.room--; soon || s.room < leastRoom-1 || s.crowded >= 10 {
			s.room, s.packed = 0, -mostPacked // it was none
		}
		return
	case o.Among < leastRoom:
		s.packed = 0
	case s.crowd == 0 || s.crowded < 10 && max(o.Among-s.crowd, s.crowd-o.Among) <= s.crowd/8:
		s.packed++
	default:
		s.packed = min(s.packed, 0)
	}
	s.crowd, s.crowded = o.Among, 0
	if s.packed >= mostPacked {
		s.room = o.Among - 1
		s.patience, s.grown = 2*firstPatience, 0
	}
}

// makeRoom lets one more in flight, after more and more that were accepted.
func (s *State) makeRoom() {
	if s.grown++; s.grown >= s.patience {
		s.grown = 0
		s.patience *= 3
		s.room++
	}
}
