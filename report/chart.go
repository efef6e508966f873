package report

import (
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-analyze/charts"
)

// The size of a chart in its own units; the page scales it.
const (
	chartWidth  = 860
	chartHeight = 300
)

// chart draws rows and 429s a second over time as an SVG element, or returns
// nothing where there are no points. No text of the input or the API goes into it.
func (w words) chart(points []point) (template.HTML, error) {
	if len(points) == 0 {
		return "", nil
	}
	if len(points) == 1 {
		points = append(points, points[0]) // a line has two ends
	}
	layout := time.TimeOnly
	switch span := points[len(points)-1].at.Sub(points[0].at); {
	case span > 24*time.Hour:
		layout = "01-02 15:04"
	case span < 10*time.Second:
		layout = "15:04:05.00"
	}
	settled, limited := make([]float64, len(points)), make([]float64, len(points))
	times := make([]string, len(points))
	refused := false
	for i, p := range points {
		settled[i], limited[i], times[i] = p.settled, p.rateLimited, p.at.UTC().Format(layout)
		refused = refused || p.rateLimited > 0
	}
	values, names := [][]float64{settled}, []string{w.say("chart-rows")}
	if refused {
		values, names = append(values, limited), []string{w.say("chart-rows-left"), w.say("chart-429-right")}
	}
	opt := charts.NewLineChartOptionWithData(values)
	opt.YAxis = []charts.YAxisOption{axisFor(settled)}
	if refused {
		// 429s are few beside the rows: they need a scale of their own.
		opt.SeriesList[1].YAxisIndex = 1
		opt.YAxis = append(opt.YAxis, axisFor(limited))
	}
	opt.Theme = charts.GetTheme(charts.ThemeLight).WithSeriesColors([]charts.Color{
		charts.ColorFromHex("#1a7f5a"), charts.ColorFromHex("#c2410c"),
	})
	opt.Legend.SeriesNames = names
	opt.XAxis.Labels = times
	opt.XAxis.LabelCount = min(len(times), 6)
	opt.XAxis.BoundaryGap = charts.Ptr(false)
	opt.ValueFormatter = func(v float64) string { return strconv.FormatFloat(math.Round(v*1000)/1000, 'f', -1, 64) }
	opt.Symbol.Shape = charts.SymbolNone
	opt.LineStrokeWidth = 1.5
	p := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: chartWidth, Height: chartHeight})
	if err := p.LineChart(opt); err != nil {
		return "", err
	}
	svg, err := p.Bytes()
	return template.HTML(strings.TrimSpace(string(svg))), err
}

const axisSteps = 5

// axisFor is an axis from 0 to past the greatest value, in steps that are 1, 2
// or 5 times a power of ten.
func axisFor(values []float64) charts.YAxisOption {
	most := slices.Max(values)
	step := 0.001
	for n := 0; step*axisSteps < most; n++ {
		step *= []float64{2, 2.5, 2}[n%3]
	}
	return charts.YAxisOption{Min: charts.Ptr(0.0), Max: charts.Ptr(step * axisSteps), LabelCount: axisSteps + 1, RangeValuePaddingScale: charts.Ptr(0.0)}
}
