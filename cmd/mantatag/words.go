package main

import (
	"fmt"
	"math"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

var english = message.NewPrinter(language.English)

// thousands writes 12345 as 12,345.
func thousands(n int64) string { return english.Sprintf("%d", n) }

// inWords is a time as people say it: "45s", "3m 20s", "7h 5m".
func inWords(d time.Duration) string {
	d = d.Round(time.Second)
	switch h, m, s := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60; {
	case h > 0:
		return fmt.Sprintf("%dh %dm", h, m)
	case m > 0:
		return fmt.Sprintf("%dm %ds", m, s)
	default:
		return fmt.Sprintf("%ds", s)
	}
}

func round(x float64) float64 { return math.Round(x*10) / 10 }
