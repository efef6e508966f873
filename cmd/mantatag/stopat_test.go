package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mantatag/cmd/mantatag/lang"
	"mantatag/worker"
)

// TestStopAt: the next time that the local clock shows it, today or tomorrow,
// also over the end of a month and where the clock is put forward or back.
func TestStopAt(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	taipei := time.FixedZone("Asia/Taipei", 8*3600)
	at := func(zone *time.Location, s string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04:05", s, zone)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, tt := range []struct {
		flag string
		zone *time.Location
		now  string
		want string
	}{
		{"06:00", taipei, "2026-11-23 05:59:59", "2026-11-23 06:00:00"},
		{"06:00", taipei, "2026-11-23 06:00:00", "2026-11-24 06:00:00"},
		{"06:00", taipei, "2026-11-23 22:00:00", "2026-11-24 06:00:00"},
		{"06:00", taipei, "2026-12-31 22:00:00", "2027-01-01 06:00:00"},
		{"00:00", taipei, "2026-11-30 23:59:59", "2026-12-01 00:00:00"},
		{"23:59", taipei, "2026-11-23 00:00:00", "2026-11-23 23:59:00"},
		{"06:00", berlin, "2026-03-28 22:00:00", "2026-03-29 06:00:00"}, // seven hours later
		{"06:00", berlin, "2026-10-24 22:00:00", "2026-10-25 06:00:00"}, // nine
		{"02:30", berlin, "2026-03-28 22:00:00", "2026-03-29 03:30:00"}, // 02:30 does not exist that day
	} {
		var c clockTime
		if err := c.Set(tt.flag); err != nil {
			t.Fatal(err)
		}
		now := at(tt.zone, tt.now)
		if got, want := c.next(now), at(tt.zone, tt.want); !got.Equal(want) || !got.After(now) {
			t.Errorf("%s at %s: %s, not %s", tt.flag, tt.now, got, want)
		}
	}
	for _, bad := range []string{"", "6", "24:00", "06:60", "noon", "06:00:00"} {
		if err := new(clockTime).Set(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// TestDeadline: intake ends at --stop-at or --max-duration, whichever is first,
// by the time on the wall, and for that reason.
func TestDeadline(t *testing.T) {
	for _, tt := range []struct {
		duration time.Duration
		at       time.Duration // --stop-at, from now; 0: none
		want     time.Duration // 0: never
		says     string
	}{
		{0, 0, 0, ""},
		{time.Hour, 0, time.Hour, "--max-duration 1h0m0s"},
		{0, 8 * time.Hour, 8 * time.Hour, "--stop-at"},
		{time.Hour, 8 * time.Hour, time.Hour, "--max-duration"},
		{9 * time.Hour, 8 * time.Hour, 8 * time.Hour, "--stop-at"},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now().Local()
			s := &session{runOptions: &runOptions{lang: lang.New(lang.English), maxDuration: tt.duration}}
			if tt.at > 0 {
				if err := s.stopAt.Set(began.Add(tt.at).Format("15:04")); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := s.deadline(t.Context(), began)
			defer cancel()
			time.Sleep(100 * time.Hour)
			if tt.want == 0 {
				if ctx.Err() != nil {
					t.Error(context.Cause(ctx))
				}
				return
			}
			at, _ := ctx.Deadline()
			stop, ok := errors.AsType[*worker.Stop](context.Cause(ctx))
			if !ok || stop.By != worker.ByDeadline || !strings.Contains(stop.Message, tt.says) || at.Sub(began) != tt.want {
				t.Errorf("%+v: ended after %s, %v", tt, at.Sub(began), context.Cause(ctx))
			}
		})
	}
}
