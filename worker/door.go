package worker

import (
	"context"
	"sync"
	"time"

	"mantatag/report/journal"
)

// ahead is how long before it leaves a request has its intent recorded, as far
// as the pace tells: no commit to disk keeps it from leaving in its turn, and a
// kill leaves few in doubt that were not sent.
const ahead = 250 * time.Millisecond

// door is where rows wait until their turn is near, and have their intents
// recorded. They are let in by groups, whenever half of the places behind it are
// free, so that each commit to disk is for many.
type door struct {
	intend func([]journal.Intention)
	most   func() int // how many places there are

	mu     sync.Mutex
	shut   error
	queue  []journal.Intention
	behind int
}

func newDoor(intake context.Context, intend func([]journal.Intention), most func() int) *door {
	d := &door{intend: intend, most: most}
	context.AfterFunc(intake, func() { d.close(context.Cause(intake)) })
	return d
}

// enter takes a place and returns when the intent is durable. It fails, without
// a place, if intake ends before or the journal cannot be written.
func (d *door) enter(intent journal.Entry) error {
	durable := make(chan error, 1)
	d.mu.Lock()
	if d.shut != nil {
		d.mu.Unlock()
		return d.shut
	}
	d.queue = append(d.queue, journal.Intention{Entry: intent, Durable: durable})
	d.open()
	d.mu.Unlock()
	return <-durable
}

// leave gives the place back.
func (d *door) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.behind--
	d.open()
}

// open lets in those who wait, if there are places for a group. The lock is held.
func (d *door) open() {
	most := d.most()
	n := min(len(d.queue), most-d.behind)
	if n == 0 || d.behind > most/2 {
		return
	}
	now := time.Now()
	for i := range d.queue[:n] {
		d.queue[i].Entry.At = now
	}
	d.intend(d.queue[:n])
	d.behind += n
	d.queue = append(d.queue[:0], d.queue[n:]...)
}

// close turns away those who wait and whoever comes after them.
func (d *door) close(why error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shut = why
	for _, i := range d.queue {
		i.Durable <- why
	}
	d.queue = nil
}
