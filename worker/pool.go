// Package worker takes rows from ingest, has each mapping made by the API at
// the pace that the API allows, and records in the journal what became of it.
package worker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"mantatag/ingest"
	"mantatag/report/journal"
	"mantatag/worker/manta"
	"mantatag/worker/pace"
)

// rowsPerRequest is how many rows the pool holds for each request that may be
// in flight: the others have their intents recorded, wait for the bucket or sit
// out a back-off, so that neither the disk nor a few slow rows idle the
// connection.
const rowsPerRequest = 13

// places is how many rows the pool holds, and so how many requests may be open
// at once, stalled ones included. However few may be in flight, rows that wait
// to know whether there is an outage must not keep out those that show it.
func (p *Pool) places() int { return max(rowsPerRequest*p.Concurrency, 2*outageAfter) }

// Rows is where the pool takes rows from; [ingest.Reader] is one. Next's error
// at the end is io.EOF.
type Rows interface {
	Next() (ingest.Row, error)
}

// Pool tags rows. All fields but Say and Notify are needed.
type Pool struct {
	Client  *manta.Client
	Pace    *pace.Pacer
	Journal *journal.Journal

	Host string // the API's, for keys
	Bot  string

	Concurrency       int           // most requests in flight that have not stalled: see watch
	Attempts          int           // most attempts at a row in one run
	OutageTimeout     time.Duration // how long an outage may last
	StopAfterFailures int           // refusals in a row that end the run; 0: any number
	RetryFailed       bool          // send failed mappings again too
	HoldInDoubt       bool          // never send a mapping in doubt again

	Credentials manta.Credentials
	// Renew reads the credentials again after the API refused used with answer.
	// Its error, where there are no others, stops the run and reaches the user;
	// of a *Stop without a Message, Err does.
	Renew func(ctx context.Context, used manta.Credentials, answer manta.Answer) (manta.Credentials, error)

	// Say says a sentence, a format of fmt, in the user's language. nil: in
	// English.
	Say func(format string, args ...any) string

	// Notify is called from many goroutines at once.
	Notify func(Event)
}

// run is the state of one Run.
type run struct {
	*Pool
	ctx    context.Context // of requests in flight
	intake context.Context // of everything that comes before a request
	stop   context.CancelCauseFunc
	outage *outage
	login  login
	door   *door
	pool   errgroup.Group
	ready  chan *attempts // rows whose intents are durable

	session  string // makes request ids unique among runs
	requests atomic.Int64
	refusals atomic.Int64 // since the last success
	proven   atomic.Bool  // the API has accepted the credentials
	usual    atomic.Int64 // how long an answer takes lately, in nanoseconds; 0: not known
	fault    atomic.Pointer[string]
}

// Run takes rows until their end or until intake is done, waits for those that
// were sent, and returns nil if every row that was read has its outcome or was
// passed over because it had one. Otherwise it returns the cause of intake, or
// the *Stop that ended the run. Cancelling ctx gives up requests in flight.
// A panic while a row is sent is Run's own, with its stack in its text.
func (p *Pool) Run(ctx, intake context.Context, rows Rows) error {
	intake, stop := context.WithCancelCause(intake)
	defer stop(nil)
	r := &run{Pool: p, ctx: ctx, intake: intake, stop: stop, session: strings.ToLower(rand.Text()[:10])}
	r.login.cred = p.Credentials
	r.outage = newOutage(intake, p.places(), p.OutageTimeout, func(why string) {
		message := r.say("the API has not answered properly for %[1]s (%[2]s); the rows that are left will be sent when you run the same command again", p.OutageTimeout, why)
		if !r.proven.Load() {
			message = r.say("the API has not answered properly for %[1]s (%[2]s), and not once in this run: check --api-url and the network; the rows that are left will be sent when you run the same command again", p.OutageTimeout, why)
		}
		r.stop(&Stop{By: ByOutage, Message: message})
	}, func(on bool, why string) {
		kind := OutageEnded
		if on {
			kind = OutageBegan
		}
		r.notify(Event{Kind: kind, Message: why})
	})

	r.ready = make(chan *attempts, p.places())
	r.door = newDoor(intake, p.places(), p.Journal.Intend, func() int { return p.Pace.Soon(ahead) }, r.letIn)
	r.outage.planned = func(o Outage) {
		r.notify(Event{Kind: OutageLasts, Outage: o})
		r.door.farthest()
	}

	// Rows that are not to leave any more do not wait for a worker: a second signal
	// would leave them in doubt.
	defer context.AfterFunc(intake, func() { r.door.whileAny(r.start) })()

	r.pool.SetLimit(p.places() + p.Concurrency + 1)
	err := r.takeIn(rows)
	r.outage.lastRow()
	r.door.drain()
	close(r.ready)
	_ = r.pool.Wait() // what a row meets is its outcome or stops the run
	if fault := r.fault.Load(); fault != nil {
		panic(*fault)
	}
	if cause := context.Cause(intake); cause != nil {
		return cause
	}
	return err
}

// takeIn reads rows and gives those that have to be sent to the pool.
func (r *run) takeIn(rows Rows) error {
	for workers := 0; r.intake.Err() == nil; {
		row, err := rows.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return &Stop{By: ByInput, Message: r.say("%[1]v", err), Err: err}
		}
		key, ref, ok := r.admit(row)
		if !ok {
			continue
		}
		row.Own, row.Surplus = nil, nil // only the reports need them
		a := &attempts{row: row, key: key, request: r.requestID(), again: ref.InDoubt, inDoubt: ref.InDoubt, known: ref.State == journal.Failed}
		var answered chan struct{}
		if !r.proven.Load() {
			answered = make(chan struct{})
			a.answered = sync.OnceFunc(func() { close(answered) })
		}
		r.outage.rowIn()
		if !r.door.enter(a) {
			r.outage.rowOut()
			return nil
		}
		if workers < r.Concurrency {
			workers++
			r.start()
		}
		if answered != nil {
			// Until the API has accepted the credentials, one request at a
			// time: a wrong token costs one.
			<-answered
		}
	}
	return nil
}

// sender is what a worker sends one row after the other with.
type sender struct {
	*manta.Sender
	watch *watch
}

// start starts one more worker, of which there is one for each request that may be
// in flight, one for each row that keeps one waiting (see replace), and one more after
// the end of intake.
func (r *run) start() {
	r.pool.Go(func() error {
		s := &sender{Sender: r.Client.Sender(r.ctx), watch: &watch{run: r}}
		defer s.Close()
		for a := range r.ready {
			r.row(a, s)
			if a.replaced.Swap(true) {
				break
			}
		}
		return nil
	})
}

// replace starts a worker in the place of that of a row which waits for anything
// else than its turn. It ends with the row.
func (r *run) replace(a *attempts) {
	r.door.whileAny(func() {
		if !a.replaced.Swap(true) {
			r.start()
		}
	})
}

// letIn gives a row whose intent is durable to a worker. Of one that is not to be
// sent, err is why.
func (r *run) letIn(a *attempts, err error) {
	if err == nil {
		r.ready <- a
		return
	}
	if r.intake.Err() == nil {
		r.diskFailed(err)
	}
	r.out(a)
}

// row has a row that was let in sent.
func (r *run) row(a *attempts, s *sender) {
	defer r.out(a)
	defer r.catch()
	r.tag(a, s)
}

// out takes a row out of the pool, whatever became of it.
func (r *run) out(a *attempts) {
	a.wasAnswered()
	r.outage.rowOut()
	r.door.out()
}

// catch, deferred, keeps a panic for Run's own goroutine, where its caller can
// recover it, and lets nothing more in.
func (r *run) catch() {
	if p := recover(); p != nil {
		fault := fmt.Sprintf("%v\n%s", p, debug.Stack())
		r.fault.CompareAndSwap(nil, &fault)
		r.stop(errors.New("a row's task panicked"))
	}
}

// admit says whether a row has to be sent.
func (r *run) admit(row ingest.Row) (journal.Key, journal.Ref, bool) {
	if row.Err != nil {
		r.notify(Event{Kind: Unsendable, Row: row})
		return journal.Key{}, journal.Ref{}, false
	}
	key := r.key(row)
	ref := r.Journal.Ask(key, row.Number)
	switch {
	case ref.First != row.Number:
		r.notify(Event{Kind: Duplicate, Row: row})
		return key, ref, false
	case ref.State == journal.Succeeded,
		ref.State == journal.Failed && !r.RetryFailed,
		ref.InDoubt && r.HoldInDoubt:
		kind := ref.State
		if kind != journal.Succeeded && kind != journal.Failed {
			kind = journal.Retryable // held back
		}
		r.notify(Event{Kind: Skipped, Row: row, Entry: journal.Entry{Kind: kind}})
		return key, ref, false
	}
	return key, ref, true
}

func (r *run) key(row ingest.Row) journal.Key {
	return journal.NewKey(r.Host, r.Bot, row.TagID, row.ClientID, row.Platform, row.PlatformClientID)
}

func (r *run) requestID() string {
	return r.session + "-" + strconv.FormatInt(r.requests.Add(1), 10)
}

// say says a sentence in the user's language.
func (p *Pool) say(format string, args ...any) string {
	if p.Say == nil {
		return fmt.Sprintf(format, args...)
	}
	return p.Say(format, args...)
}

func (r *run) notify(e Event) {
	if r.Notify != nil {
		r.Notify(e)
	}
}
