package worker

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"mantatag/ingest"
	"mantatag/report/journal"
	"mantatag/worker/manta"
	"mantatag/worker/pace"
)

// attempts is what is known of one row while the pool has it.
type attempts struct {
	row     ingest.Row
	key     journal.Key
	streaks []int  // of the failures so far: see outage.spent
	spent   int    // of them, those that are the row's own, when it was last asked
	request string // id of the next request, or of the last
	again   bool   // an earlier run left it in doubt, and nothing was sent since
	inDoubt bool
	known   bool         // that the API refused it: an earlier run was told so
	ticket  *pace.Ticket // of the last request

	answered func()      // lets the row after the first one in; nil: it does not wait
	replaced atomic.Bool // see run.replace
}

// intent is the entry that says that a request is about to leave.
func (a *attempts) intent(now time.Time) journal.Entry {
	return journal.Entry{Kind: journal.Intent, Key: a.key, Row: a.row.Number, At: now, Request: a.request, Attempts: a.spent + 1, InDoubt: a.inDoubt}
}

// wasAnswered is called once a request was answered, or is not waited for any more.
func (a *attempts) wasAnswered() {
	if a.answered != nil {
		a.answered()
	}
}

// tag makes requests for a row, of which the first has its intent recorded, until
// it has an outcome or the run stops, in which case it stays pending.
func (r *run) tag(a *attempts, s *sender) {
	for {
		permit, cred, ok := r.wait(a)
		r.door.leave()
		if !ok {
			r.append(r.about(a, journal.Entry{Kind: journal.Unsent}), nil)
			return
		}
		r.notify(Event{Kind: Sent, Row: a.row, Request: a.request, Again: a.again})
		a.again = false
		start := time.Now()
		s.watch.begin(a, permit)
		answer := s.Tag(cred, a.request, manta.Mapping(a.row.Mapping))
		if !s.watch.end() {
			s.watch = &watch{run: r}
		}
		latency := time.Since(start)
		if answer.Class == manta.Tagged || answer.Class == manta.RowRefused {
			r.took(latency)
		}
		full := a.ticket.Done(reply(answer))
		r.notify(Event{Kind: Answered, Row: a.row, Request: a.request, Answer: answer, Latency: latency})
		more, pause := r.settle(a, permit, cred, answer)
		if full {
			r.Journal.Hurry()
		}
		a.wasAnswered()
		if !more || !r.sleep(a, pause) {
			return
		}
		a.request, a.spent = r.requestID(), r.outage.spent(a.streaks)
		if err := r.door.again(a); err != nil {
			if r.intake.Err() == nil {
				r.diskFailed(err)
			}
			return
		}
	}
}

// wait returns when a request whose intent is durable may leave, which it must
// do at once; false if intake ended before. It waits out pauses and outages,
// also one that begins while the request has its ticket already.
func (r *run) wait(a *attempts) (*permit, manta.Credentials, bool) {
	for {
		era, permit, err := r.outage.enter(a.streaks, func() { r.replace(a) })
		if err != nil {
			return nil, manta.Credentials{}, false
		}
		ticket, err := r.Pace.Wait(era)
		if err != nil {
			r.outage.leave(permit)
			continue // an outage began, or intake ended
		}
		cred := r.login.current() // waits for one who renews them
		if era.Err() == nil && ticket.Send() {
			a.ticket = ticket
			return permit, cred, true
		}
		ticket.Free()
		r.outage.leave(permit)
	}
}

// settle records what an answer means for the row, and reports whether to send
// it again and after what back-off.
func (r *run) settle(a *attempts, p *permit, cred manta.Credentials, answer manta.Answer) (again bool, pause time.Duration) {
	e := journal.Entry{Status: answer.Status, Code: answer.Code, Reason: answer.Message}
	switch answer.Class {
	case manta.Tagged:
		r.outage.good(p)
		r.proven.Store(true)
		r.refusals.Store(0)
		e.Kind, a.inDoubt = journal.Succeeded, false
		r.record(a, e)
		return false, 0

	case manta.RowRefused:
		r.outage.good(p)
		r.proven.Store(true)
		// Only a 403 may mean that the mapping is there already.
		a.inDoubt = a.inDoubt && answer.Status == http.StatusForbidden
		e.Kind = journal.Failed
		r.record(a, e)
		if a.known { // no sign of a wrong tag: it was asked for all the same
			return false, 0
		}
		if n := r.refusals.Add(1); r.StopAfterFailures > 0 && n >= int64(r.StopAfterFailures) {
			r.stop(&Stop{By: ByFailures, Message: r.say("%[1]d rows in a row were refused with no success between (the last: %[2]s); check the tag and the ids, or raise --stop-after-failures", n, answer.Message)})
		}
		return false, 0

	case manta.Throttled:
		r.outage.good(p)
		e.Kind = journal.Refused
		return r.record(a, e), 0

	case manta.CredentialsRefused, manta.BotRefused:
		r.outage.good(p)
		e.Kind = journal.Refused
		return r.record(a, e) && r.renew(cred, answer), 0

	case manta.Misdirected:
		r.outage.leave(p)
		e.Kind = journal.Refused
		r.record(a, e)
		r.stop(&Stop{By: ByConfig, Message: r.say("%[1]s; check --api-url and the network", answer.Message)})
		return false, 0

	case manta.NoAnswer:
		a.inDoubt = true
		e.Kind = journal.Lost
	default:
		a.inDoubt = a.inDoubt || answer.InDoubt
		e.Kind = journal.Refused
	}

	a.streaks = append(a.streaks, r.outage.bad(p, answer.Message))
	if a.inDoubt && r.HoldInDoubt || r.exhausted(a) {
		e.Kind = journal.Retryable
		r.record(a, e)
		return false, 0
	}
	return r.record(a, e), backoff(len(a.streaks), rand.Float64())
}

// exhausted reports whether the row has used up its attempts, which is known
// only when it is known whether they fell into an outage. What becomes of the
// last answer is recorded then; a run that is killed meanwhile leaves the row in
// doubt.
func (r *run) exhausted(a *attempts) bool {
	if r.outage.spent(a.streaks) < r.Attempts {
		return false
	}
	a.wasAnswered()
	a.ticket.Free()
	r.replace(a)
	return r.outage.judged(a.streaks) && r.outage.spent(a.streaks) >= r.Attempts
}

// record writes what became of a request, and reports false if it could not: then
// the run stops, since no outcome may be claimed that is not on disk. The request
// keeps its place until the entry is written: so what was sent and is in doubt after
// a kill is never more than may be in flight.
func (r *run) record(a *attempts, e journal.Entry) bool {
	e = r.about(a, e)
	ticket := a.ticket
	ok := r.append(e, func(err error) {
		ticket.Free()
		if err != nil { // else nobody may be left to find out
			r.diskFailed(err)
		}
	})
	if !ok {
		return false
	}
	switch e.Kind {
	case journal.Succeeded, journal.Failed, journal.Retryable:
		r.notify(Event{Kind: Settled, Row: a.row, Entry: e})
	}
	return true
}

func (r *run) append(e journal.Entry, written func(error)) bool {
	err := r.Journal.Append(e, written)
	if err != nil {
		r.diskFailed(err)
	}
	return err == nil
}

func (r *run) diskFailed(err error) {
	r.stop(&Stop{By: ByDisk, Message: r.say("%[1]v", err), Err: err})
}

// about fills in what the run knows of the row.
func (r *run) about(a *attempts, e journal.Entry) journal.Entry {
	e.Key, e.Row, e.At = a.key, a.row.Number, time.Now()
	e.Attempts, e.InDoubt = r.outage.spent(a.streaks), a.inDoubt
	switch e.Kind {
	case journal.Succeeded, journal.Failed:
		e.Attempts++ // the request that it is about
	}
	return e
}

// sleep waits for d and reports false if the run stops meanwhile.
func (r *run) sleep(a *attempts, d time.Duration) bool {
	if d > 0 {
		r.replace(a)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-r.intake.Done():
		return false
	case <-t.C:
		return true
	}
}

func reply(a manta.Answer) pace.Reply {
	p := pace.Reply{}
	switch a.Class {
	case manta.Throttled:
		p.Kind = pace.Throttled
	case manta.NoAnswer:
		p.Kind = pace.Lost
	}
	// Most answers have no such header, and looking for each of them in turn
	// would cost more than all else that is done here.
	for name := range a.Header { // as net/http spells them: X-Ratelimit-Limit
		if name == "Retry-After" || strings.Contains(name, "limit") {
			p.Hint = pace.ParseHint(a.Header.Values, a.Received)
			break
		}
	}
	return p
}
