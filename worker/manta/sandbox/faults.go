package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Fault is something that goes wrong with a request that was let in.
type Fault uint8

const (
	None Fault = iota

	// With these the mapping is not made.
	ServerError // 500 with the API's error body
	Unavailable // 503 with the page of a proxy
	BadGateway  // 502 with the page of a proxy
	SignIn      // 200 with a page, as of a Wi-Fi portal
	Redirected  // 307 to Options.Redirect, so that a client that follows sends its body there
	Stalled     // no answer until the client leaves
	Closed      // the connection is closed
	Refused     // only in an Outage: no connection. Over sockets, where the request has come already, as Closed

	// With these it is made, and the answer gets lost or broken.
	Reset         // the connection is reset
	Truncated     // the connection is closed in the middle of the body
	ShortLength   // Content-Length names half the body, and half is sent
	Trickled      // one byte of the body a second
	EndlessBody   // the body has no end
	EndlessHeader // the header has no end; over HTTP/2 and Transport as Reset
	BadJSON       // the body is not JSON
	DeepJSON      // the body is a million arrays, one in the other

	faultCount
)

var faultNames = [faultCount]string{"none", "500", "503", "502", "sign-in", "redirect", "stall", "close", "refuse",
	"reset", "truncate", "short-length", "trickle", "endless-body", "endless-header", "bad-json", "deep-json"}

// FaultNames are the texts of all faults.
func FaultNames() []string { return faultNames[:] }

func (f Fault) String() string               { return faultNames[f] }
func (f Fault) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

func (f *Fault) UnmarshalText(text []byte) error {
	for i, name := range faultNames {
		if name == string(text) {
			*f = Fault(i)
			return nil
		}
	}
	return sentencef("no fault is called %[1]q: choose one of %[2]s", string(text), strings.Join(faultNames[:], ", "))
}

// undone reports whether the mapping is not made.
func (f Fault) undone() bool { return f != None && f < Reset }

// answer is what a fault says in place of the API; its status is 0 where there
// is no answer at all.
func (f Fault) answer() answer {
	page := func(status int) answer {
		text := fmt.Sprintf("%d %s", status, http.StatusText(status))
		return answer{status: status, page: "<html>\n<head><title>" + text + "</title></head>\n<body><h1>" + text +
			"</h1></body>\n</html>\n"}
	}
	switch f {
	case ServerError, Truncated, ShortLength, Trickled, EndlessBody, BadJSON, DeepJSON: // all but the first in an Outage
		return answer{status: http.StatusInternalServerError, code: 500, message: "Internal server error"}
	case Unavailable:
		return page(http.StatusServiceUnavailable)
	case BadGateway:
		return page(http.StatusBadGateway)
	case Redirected:
		return page(http.StatusTemporaryRedirect)
	case SignIn:
		return answer{status: http.StatusOK,
			page: "<!DOCTYPE html>\n<title>Welcome</title>\n<form action=/login>Please sign in to use this network.</form>\n"}
	}
	return answer{}
}

// deliver sends the answer, with what the fault does to it.
func (rep reply) deliver(w http.ResponseWriter, r *http.Request, redirect string) {
	text, contentType := rep.body()
	w.Header().Set("Content-Type", contentType)

	switch ctx := r.Context(); rep.fault {
	case Stalled:
		<-ctx.Done()
		panic(http.ErrAbortHandler)
	case Closed, Refused:
		panic(http.ErrAbortHandler)
	case Reset:
		resetConnection(w)
	case EndlessHeader:
		endlessHeader(ctx, w)
	case Truncated:
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		w.WriteHeader(rep.status)
		write(w, text[:len(text)/2])
		panic(http.ErrAbortHandler)
	case ShortLength:
		w.Header().Set("Content-Length", strconv.Itoa(len(text)/2))
		w.WriteHeader(rep.status)
		write(w, text[:len(text)/2])
	case Trickled:
		w.WriteHeader(rep.status)
		for i := range text {
			if !sleep(ctx, time.Second) || !write(w, text[i:i+1]) {
				panic(http.ErrAbortHandler)
			}
		}
	case EndlessBody:
		w.WriteHeader(rep.status)
		for spaces := bytes.Repeat([]byte(" "), 4096); ctx.Err() == nil && write(w, spaces); {
		}
		panic(http.ErrAbortHandler)
	case BadJSON:
		w.WriteHeader(rep.status)
		write(w, append(text[:len(text)-1], `,"success":tru`...))
	case DeepJSON:
		w.WriteHeader(rep.status)
		write(w, []byte(`{"success":true,"message":`+strings.Repeat("[", 1_000_000)))
	case Redirected:
		if redirect == "" {
			redirect = "https://elsewhere.invalid" + r.URL.Path
		}
		w.Header().Set("Location", redirect)
		fallthrough
	default:
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		w.WriteHeader(rep.status)
		w.Write(text)
	}
}

// write sends text at once and reports whether the client still takes it.
func write(w http.ResponseWriter, text []byte) bool {
	if _, err := w.Write(text); err != nil {
		return false
	}
	return http.NewResponseController(w).Flush() == nil
}

// resetConnection sends a TCP reset where there is a TCP connection to itself,
// and closes the connection or the HTTP/2 stream elsewhere.
func resetConnection(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		if tcp, ok := conn.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		conn.Close()
		return
	}
	panic(http.ErrAbortHandler)
}

func endlessHeader(ctx context.Context, w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	defer conn.Close()
	line := []byte("HTTP/1.1 200 OK\r\n")
	for {
		if _, err := conn.Write(line); err != nil {
			return
		}
		line = []byte("X-Pad: " + strings.Repeat("x", 1024) + "\r\n")
	}
}
