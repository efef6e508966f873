package lang

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"mantatag/ingest"
	"mantatag/report/journal"
)

func TestSay(t *testing.T) {
	fault := &ingest.Fault{Message: ingest.Message{ID: "no-tag", Args: []any{"tagId"}}}
	input := &ingest.InputError{File: "in.csv", Line: 3,
		Message: ingest.Message{ID: "bad-format", Args: []any{"doc"}}, Hint: ingest.Message{ID: "hint-again"}}
	stdin := &ingest.InputError{File: StandardInput, Line: 1, Message: ingest.Message{ID: "empty"}}
	disk := &journal.DiskError{File: "run.log", Err: fs.ErrPermission}
	for _, c := range []struct {
		say    func(*Language) string
		en, zh string
	}{
		{func(l *Language) string { return l.Error(fault) }, "the row has no tag: its tagId is empty", "這一列沒有標籤：tagId 是空的"},
		{func(l *Language) string { return l.Error(fmt.Errorf("somewhere: %w", input)) },
			`in.csv:3: there is no format "doc": it is one of auto, csv, tsv, ndjson, xlsx; run the same command again when nothing writes to it: what is done will not be sent again`,
			`in.csv:3：沒有 "doc" 這種格式：可用的是 auto、csv、tsv、ndjson、xlsx；等沒有程式寫入它之後再執行同一個指令：做完的不會重送`},
		{func(l *Language) string { return l.Error(stdin) }, "standard input: the file is empty", "標準輸入：檔案是空的"},
		{func(l *Language) string { return l.Say("no %s: %s is empty", Word("token"), "a file") }, "no token: a file is empty", "沒有權杖：a file 是空的"},
		{func(l *Language) string { return l.Say("--log-level: %v", fault) }, "--log-level: the row has no tag: its tagId is empty", "--log-level：這一列沒有標籤：tagId 是空的"},
		{func(l *Language) string { return l.Error(disk) },
			"the job's file run.log cannot be used: permission denied; nothing that was recorded is lost: mend the cause and run the same command again",
			"無法使用工作的檔案 run.log：permission denied；已記錄的都還在：請排除原因後再執行同一個指令"},
		{func(l *Language) string { return l.Say("%[1]d lines above the header are passed over.", int64(1)) }, "1 line above the header is passed over.", "略過標題列上方的 1 行。"},
		{func(l *Language) string { return l.Say("%[1]d lines above the header are passed over.", int64(1001)) }, "1,001 lines above the header are passed over.", "略過標題列上方的 1,001 行。"},
		{func(l *Language) string {
			return l.Say("%[1]d requests in %[2]s, %[3]d of them over the rate limit and sent again.", int64(1), "2s", int64(1))
		},
			"1 request in 2s, 1 of them over the rate limit and sent again.", "2s內送出 1 個請求，其中 1 個超過速率限制而重送。"},
		{func(l *Language) string { return l.Error(errors.New("100% of it")) }, "100% of it", "100% of it"},
		{func(l *Language) string { return l.Duration(7*time.Hour + 5*time.Minute) }, "7h 5m", "7 小時 5 分"},
		{func(l *Language) string { return l.Duration(200 * time.Second) }, "3m 20s", "3 分 20 秒"},
		{func(l *Language) string { return l.Number(1234567) }, "1,234,567", "1,234,567"},
		{func(l *Language) string { return Pad(l.Say("failed"), 8) + "|" }, "failed  |", "失敗    |"},
	} {
		if got := c.say(New(English)); got != c.en {
			t.Errorf("%s\nnot %s", got, c.en)
		}
		if got := c.say(New(TraditionalChinese)); got != c.zh {
			t.Errorf("%s\nnot %s", got, c.zh)
		}
	}
}
