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
// are free, so that a commit to disk is for many.
type door struct {
	intend func([]journal.Intention)
	places func() int // behind the door, at the present pace

	mu     sync.Mutex
	shut   error               // why; nil: it is not
	queue  []journal.Intention // of those before it
	behind int                 // how many have a place
}

func newDoor(intake context.Context, intend func([]journal.Intention), places func() int) *door {
	d := &door{intend: intend, places: places}
	context.AfterFunc(intake, func() { d.close(context.Cause(intake)) })
	return d
}

// enter takes a place and returns when the intent, of which it sets the time,
// is durable. It fails if intake ends before it has a place, or the journal
// cannot be written. A row that has failed takes one more than there are: during
// an outage those behind the door may all be such as will fail, and it is the
// one to show that the server works.
func (d *door) enter(intent journal.Entry, failed bool) error {
	durable := make(chan error, 1)
	d.mu.Lock()
	if d.shut != nil {
		d.mu.Unlock()
		return d.shut
	}
	if failed {
		intent.At = time.Now()
		d.intend([]journal.Intention{{Entry: intent, Durable: durable}})
		d.behind++
	} else {
		d.queue = append(d.queue, journal.Intention{Entry: intent, Durable: durable})
		d.open()
	}
	d.mu.Unlock()
	return <-durable
}

// farthest lets in the row that came last, whose turn is the farthest: if those
// behind the door fail it may be that only they do.
func (d *door) farthest() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shut != nil || len(d.queue) == 0 {
		return
	}
	last := len(d.queue) - 1
	d.queue[last].Entry.At = time.Now()
	d.intend(d.queue[last:])
	d.queue = d.queue[:last]
	d.behind++
}

// leave gives the place back.
func (d *door) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.behind--
	d.open()
}

// open lets in a group, if there are places for one. The lock is held.
func (d *door) open() {
	if len(d.queue) == 0 {
		return
	}
	places := d.places()
	if d.behind > places/2 || d.behind >= places {
		return
	}
	group := d.queue[:min(len(d.queue), places-d.behind)]
	now := time.Now()
	for i := range group {
		group[i].Entry.At = now
	}
	d.intend(group)
	d.behind += len(group)
	d.queue = slices.Delete(d.queue, 0, len(group))
}

// close turns away those before the door and all who come later.
func (d *door) close(why error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shut = why
	for _, i := range d.queue {
		i.Durable <- why
	}
	d.queue = nil
}
