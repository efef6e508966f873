package ingest

import "io"

// chunkLength is how much is read ahead at a time; two chunks are under way.
const chunkLength = 128 << 10

// ahead reads a text in a goroutine of its own, so that it is unpacked and
// decoded while what came before it is being split into rows.
type ahead struct {
	full  chan chunk
	empty chan []byte
	stop  chan struct{}
	ended chan struct{}
	now   chunk
	left  []byte // of now, not yet read
}

type chunk struct {
	text []byte
	err  error // what follows the text
}

func newAhead(text io.Reader) *ahead {
	a := &ahead{full: make(chan chunk, 1), empty: make(chan []byte, 2), stop: make(chan struct{}), ended: make(chan struct{})}
	a.empty <- make([]byte, chunkLength)
	a.empty <- make([]byte, chunkLength)
	go a.run(text)
	return a
}

func (a *ahead) run(text io.Reader) {
	defer close(a.ended)
	for c := (chunk{}); c.err == nil; {
		var b []byte
		select {
		case b = <-a.empty:
		case <-a.stop:
			return
		}
		n := 0
		for c.err = nil; c.err == nil && n < len(b); {
			var m int
			m, c.err = text.Read(b[n:])
			n += m
		}
		c.text = b[:n]
		select {
		case a.full <- c:
		case <-a.stop:
			return
		}
	}
}

func (a *ahead) Read(p []byte) (int, error) {
	for len(a.left) == 0 {
		if a.now.err != nil {
			return 0, a.now.err
		}
		if a.now.text != nil {
			a.empty <- a.now.text[:chunkLength]
		}
		a.now = <-a.full
		a.left = a.now.text
	}
	n := copy(p, a.left)
	a.left = a.left[n:]
	return n, nil
}

// Close stops the goroutine and waits for it, so that what it reads from can
// be closed.
func (a *ahead) Close() {
	close(a.stop)
	<-a.ended
}
