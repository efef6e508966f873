package worker

import (
	"errors"
	"sync"

	"mantatag/worker/manta"
)

// login holds the credentials in use and renews them once for all the rows
// that were refused with them.
type login struct {
	mu   sync.Mutex
	cred manta.Credentials
}

func (l *login) current() manta.Credentials {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cred
}

// renew sees to it that a row refused with used can be sent with others. It
// stops the run and reports false where there are none.
func (r *run) renew(used manta.Credentials, answer manta.Answer) bool {
	l := &r.login
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cred != used {
		return true // another row has renewed them meanwhile
	}
	if r.intake.Err() != nil {
		return false
	}
	fresh, err := r.Renew(r.intake, used, answer)
	if err != nil {
		stop := &Stop{By: ByCredentials, Err: err}
		errors.As(err, &stop)
		if stop.Message == "" {
			stop.Message = r.say("%[1]v", stop.Err)
		}
		r.stop(stop)
		return false
	}
	l.cred = fresh
	r.notify(Event{Kind: Renewed})
	return true
}
