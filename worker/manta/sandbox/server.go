package sandbox

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
)

// Server serves a sandbox over sockets.
type Server struct {
	// URL is the base of the API, for MANTATAG_API_URL: http://127.0.0.1:8787/api.
	URL string

	http    *http.Server
	cancel  context.CancelFunc // of every request's context
	mu      sync.Mutex         // guards closed, and the first Add to running after it
	closed  bool
	running sync.WaitGroup
	failed  error // why Serve ended before Close
}

// Listen serves s at addr, such as "127.0.0.1:0", until Close.
func Listen(addr string, s *Sandbox) (*Server, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, sentencef("the sandbox cannot listen on %[1]s: %[2]v", addr, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	v := &Server{URL: "http://" + listener.Addr().String() + BasePath, cancel: cancel}
	v.http = &http.Server{
		Handler:     v.track(s),
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    log.New(io.Discard, "", 0), // a client that breaks off is no event here
	}
	v.running.Go(func() {
		if err := v.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			v.failed = sentencef("the sandbox had to stop: %[1]v", err)
		}
	})
	return v, nil
}

func (v *Server) track(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.mu.Lock()
		if v.closed {
			v.mu.Unlock()
			panic(http.ErrAbortHandler)
		}
		v.running.Add(1)
		v.mu.Unlock()
		defer v.running.Done()
		h.ServeHTTP(w, r)
	})
}

// Close closes every connection and returns when no request is being served.
// It fails if serving had ended before.
func (v *Server) Close() error {
	v.mu.Lock()
	v.closed = true
	v.mu.Unlock()
	v.cancel()
	err := v.http.Close()
	v.running.Wait()
	return cmp.Or(v.failed, err)
}
