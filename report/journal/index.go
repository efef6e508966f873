package journal

import "encoding/binary"

// Ref is what the journal knows of a mapping without reading the file.
type Ref struct {
	// State is the kind of the last entry; an Unsent one takes back the intent
	// before it. A failure that is tried again stands until another outcome
	// takes its place. None: the mapping was never sent.
	State Kind

	// InDoubt says that a request for the mapping may have been done without
	// an answer: it was lost, or its intent has no entry after it. A success
	// ends the doubt, and so does a failure that was recorded without it.
	InDoubt bool

	// Unanswered says that the last request for the mapping has no entry after
	// its intent; InFlight, that it is of the last run, too, and so on its way
	// while that goes on.
	Unanswered, InFlight bool

	// First is the first row of the present reading of the input that asked
	// for the mapping (see Journal.Ask); 0: none yet.
	First int64

	// Offset is where in the file the last answer or outcome (Refused, Lost,
	// Succeeded, Failed, Retryable) lies, for Journal.Entry; 0: there is none.
	Offset int64
}

// index maps keys to refs in about 36 bytes a key, without pointers for the
// garbage collector to follow: slots lie in chunks that are never moved, in
// the order in which their keys came, and are found through a hash table of
// slot numbers. Keys are parts of a SHA-256, so their own bits are the hash.
type index struct {
	chunks  []*[chunkSize]slot
	n       uint32   // slots in use
	session uint32   // the number of the last run
	table   []uint32 // open addressing; number of the slot plus one, 0: free
}

const chunkSize = 1 << 11

// slot holds a key and its ref. The first row is kept in 32 bits: past four
// thousand million rows the index would need 150 GB.
type slot struct {
	key   Key
	row   uint32
	place uint32 // low bits of the offset
	bits  uint32 // from the lowest: state 4, state before an intent 4, in doubt 1, low bits of the intent's session 7, high bits of the offset 16
}

const maxRow = 1<<32 - 1

func (s *slot) state() Kind   { return Kind(s.bits & 15) }
func (s *slot) before() Kind  { return Kind(s.bits >> 4 & 15) }
func (s *slot) inDoubt() bool { return s.bits>>8&1 != 0 }
func (s *slot) offset() int64 { return int64(s.bits>>16)<<32 | int64(s.place) }

// retried reports whether the last entry is the intent to try a failure again.
func (s *slot) retried() bool { return s.state() == Intent && s.before() == Failed }

// of reports whether the last entry is an intent of that session. One of 128 sessions
// before would count as well: a mapping in doubt that so many runs have held back.
func (s *slot) of(session uint32) bool { return s.state() == Intent && s.bits>>9&127 == session&127 }

func (s *slot) set(state, before Kind, inDoubt bool, offset int64) {
	s.bits = uint32(state) | uint32(before)<<4 | uint32(offset>>32)<<16
	if inDoubt {
		s.bits |= 1 << 8
	}
	s.place = uint32(offset)
}

// ref is what a slot of x holds.
func (x *index) ref(s *slot) Ref {
	state := s.state()
	if s.retried() {
		state = Failed
	}
	return Ref{
		State:      state,
		InDoubt:    s.inDoubt() || s.state() == Intent,
		Unanswered: s.state() == Intent,
		InFlight:   s.of(x.session),
		First:      int64(s.row),
		Offset:     s.offset(),
	}
}

func (x *index) slot(i uint32) *slot { return &x.chunks[i/chunkSize][i%chunkSize] }

// home is where in the table the search for k begins.
func (x *index) home(k *Key) uint32 {
	return binary.LittleEndian.Uint32(k[:]) & uint32(len(x.table)-1)
}

// find returns the slot of k, or nil and the place in the table where it
// belongs.
func (x *index) find(k Key) (*slot, uint32) {
	if len(x.table) == 0 {
		return nil, 0
	}
	mask := uint32(len(x.table) - 1)
	for i := x.home(&k); ; i = (i + 1) & mask {
		if x.table[i] == 0 {
			return nil, i
		}
		if s := x.slot(x.table[i] - 1); s.key == k {
			return s, i
		}
	}
}

// insert returns the slot of k, making it if need be.
func (x *index) insert(k Key) *slot {
	s, at := x.find(k)
	if s != nil {
		return s
	}
	if uint64(x.n) >= uint64(len(x.table))*5/8 {
		x.grow()
		_, at = x.find(k)
	}
	if x.n%chunkSize == 0 && int(x.n/chunkSize) == len(x.chunks) {
		x.chunks = append(x.chunks, new([chunkSize]slot))
	}
	s = x.slot(x.n)
	*s = slot{key: k}
	x.n++
	x.table[at] = x.n
	return s
}

func (x *index) grow() {
	x.table = make([]uint32, max(1024, 2*len(x.table)))
	mask := uint32(len(x.table) - 1)
	for n := range x.n {
		i := x.home(&x.slot(n).key)
		for x.table[i] != 0 {
			i = (i + 1) & mask
		}
		x.table[i] = n + 1
	}
}

// anyDoubt reports whether any mapping is in doubt.
func (x *index) anyDoubt() bool {
	for i := range x.n {
		if x.ref(x.slot(i)).InDoubt {
			return true
		}
	}
	return false
}

// reset empties the index and keeps its memory.
func (x *index) reset() {
	clear(x.table)
	x.n, x.session = 0, 0
}

// apply moves the state of a mapping on by an entry that lies at offset. The
// entry's own word on doubt counts where it is an answer.
func (x *index) apply(kind Kind, k Key, inDoubt bool, offset int64) {
	s := x.insert(k)
	state, doubt := s.state(), s.inDoubt()
	switch kind {
	case Intent:
		// An intent after an unanswered one leaves that one in doubt.
		before := state
		if s.retried() {
			before = Failed
		}
		s.set(Intent, before, doubt || state == Intent, s.offset())
		s.bits |= x.session & 127 << 9
	case Unsent:
		if state == Intent {
			state = s.before()
		}
		s.set(state, None, doubt, s.offset())
	case Succeeded, Failed:
		// Whoever wrote the outcome knew of the doubt before it.
		s.set(kind, None, inDoubt && kind == Failed, offset)
	default:
		doubt = doubt || inDoubt || kind == Lost
		if s.retried() && kind != Retryable {
			kind, offset = Failed, s.offset()
		}
		s.set(kind, None, doubt, offset)
	}
}
