package worker

import (
	"context"
	"slices"
	"sync"
	"time"

	"mantatag/report/journal"
)

// ahead is how long before it leaves a request has its intent recorded, as far
// as the pace tells. It is above the time that a slow disk takes for two
// commits, so that none keeps a request from leaving in its turn; and what it
// lets in at a slow pace is one row, so that a kill leaves few in doubt that
// were not sent.
const ahead = 250 * time.Millisecond

// door is where rows wait until their turn is near, and have their intents
// recorded. They are let in by groups, whenever half of the places behind it
// are free, so that a commit to disk is for many; and read by groups, so that
// the reader is not woken for each.
type door struct {
	intend func(all []journal.Entry, durable func(error)) error
	places func() int                 // behind the door, at the present pace
	in     func(a *attempts, e error) // told when a row's intent is durable, or why it is not to be sent; must not wait
	most   int                        // rows in the pool

	mu     sync.Mutex
	shut   error         // why; nil: it is not
	queue  []*attempts   // those before it
	behind int           // how many have a place
	rows   int           // in the pool: before the door, behind it, or sent and without an outcome
	full   bool          // the reader waits for room
	room   chan struct{} // has one for the reader
	last   bool          // no row is to come
	empty  chan struct{} // closed when none is left either
}

func newDoor(intake context.Context, most int, intend func([]journal.Entry, func(error)) error, places func() int, in func(*attempts, error)) *door {
	d := &door{intend: intend, places: places, in: in, most: most,
		room: make(chan struct{}, 1), empty: make(chan struct{})}
	context.AfterFunc(intake, func() { d.close(context.Cause(intake)) })
	return d
}

// enter waits until there is room for one more row in the pool. It reports false
// if intake ends before.
func (d *door) enter(a *attempts) bool {
	d.mu.Lock()
	for d.shut == nil && d.rows >= d.most {
		d.full = true
		d.mu.Unlock()
		<-d.room
		d.mu.Lock()
	}
	defer d.mu.Unlock()
	if d.shut != nil {
		return false
	}
	d.rows++
	d.queue = append(d.queue, a)
	d.open()
	return true
}

// again takes a place for a row that was let in before, one more than there are:
// during an outage those behind the door may all be such as will fail, and it is
// the one to show that the server works. It returns when the intent is durable, and
// fails if intake ended or the journal cannot be written.
func (d *door) again(a *attempts) error {
	d.mu.Lock()
	if d.shut != nil {
		d.mu.Unlock()
		return d.shut
	}
	durable := make(chan error, 1)
	err := d.intend([]journal.Entry{a.intent(time.Now())}, func(err error) { durable <- err })
	d.behind++
	d.mu.Unlock()
	if err != nil {
		return err
	}
	return <-durable
}

// farthest lets in the row that came last, whose turn is the farthest: if those
// behind the door fail it may be that only they do.
func (d *door) farthest() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shut == nil && len(d.queue) > 0 {
		d.let(len(d.queue)-1, len(d.queue))
	}
}

// leave gives a place behind the door back.
func (d *door) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.behind--
	d.open()
}

// whileAny calls f, unless no row is in the pool any more.
func (d *door) whileAny(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.rows > 0 {
		f()
	}
}

// out takes a row out of the pool.
func (d *door) out() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rows--
	d.look()
}

// drain returns when all rows are out of the pool.
func (d *door) drain() {
	d.mu.Lock()
	d.last = true
	d.look()
	d.mu.Unlock()
	<-d.empty
}

// open lets in a group, if there are places for one. The lock is held.
func (d *door) open() {
	defer d.look()
	if len(d.queue) == 0 {
		return
	}
	if d.behind > d.most/2 { // whatever the pace: there are no more places than that
		return
	}
	places := d.places()
	if d.behind > places/2 || d.behind >= places {
		return
	}
	d.let(0, min(len(d.queue), places-d.behind))
}

// let lets in some of the queue. The lock is held.
func (d *door) let(from, to int) {
	group, intents := slices.Clone(d.queue[from:to]), make([]journal.Entry, 0, to-from)
	now := time.Now()
	for _, a := range group {
		intents = append(intents, a.intent(now))
	}
	d.queue = slices.Delete(d.queue, from, to)
	d.behind += len(group)
	tell := func(err error) {
		for _, a := range group {
			d.in(a, err)
		}
	}
	if err := d.intend(intents, tell); err != nil {
		go tell(err) // who is told may want the lock
	}
}

// look tells the reader that there is room, once there is for some rows at once, or
// none but the reader can still show whether there is an outage: the others may all
// wait to know it. It tells drain when no row is left. The lock is held.
func (d *door) look() {
	if d.full && (d.rows <= d.most-d.most/8 || d.rows < d.most && d.behind == 0 && len(d.queue) == 0) {
		d.full = false
		d.room <- struct{}{}
	}
	if d.last && d.rows == 0 {
		d.last = false
		close(d.empty)
	}
}

// close turns away those before the door and all who come later.
func (d *door) close(why error) {
	d.mu.Lock()
	d.shut = why
	queue := d.queue
	d.queue = nil
	if d.full {
		d.full = false
		d.room <- struct{}{}
	}
	d.mu.Unlock()
	for _, a := range queue {
		d.in(a, why)
	}
}
