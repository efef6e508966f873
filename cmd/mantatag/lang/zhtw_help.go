package lang

// zhHelp are the texts of help. What a flag calls its value is the same in every
// language, as the flag is.
var zhHelp = map[string]string{
	"version":                   "版本",
	"Usage:":                    "用法：",
	"Examples:":                 "範例：",
	"Commands:":                 "指令：",
	"Flags:":                    "參數：",
	"Flags of every command:":   "每個指令都有的參數：",
	"show this":                 "顯示這份說明",
	"say which version this is": "顯示版本",
	"the language, where LC_ALL, LC_MESSAGES or LANG does not say it": "使用的語言；沒有指定時看 LC_ALL、LC_MESSAGES、LANG",

	"Tags the clients of a MantaGO bot from a CSV, Excel or NDJSON file, and says what became of each row": "依 CSV、Excel 或 NDJSON 檔替 MantaGO 機器人的客戶貼標籤，並說明每一列的結果",
	`mantatag reads clients and tags from a CSV, TSV, NDJSON or Excel file and has
each tag put on its client by the MantaGO API: as fast as the API's rate limit
allows, and in such a way that an interrupted run goes on where it was.

Try it without an account:   mantatag run --sandbox clients.csv`: `mantatag 從 CSV、TSV、NDJSON 或 Excel 檔讀取客戶和標籤，透過 MantaGO API 把每個
標籤貼給對應的客戶：在 API 的速率限制內盡量快，中斷後再執行會從停下的地方繼續。

不需要帳號就能試用：   mantatag run --sandbox clients.csv`,

	// run
	"Tag every row of INPUT, or go on with the job that an earlier run of the same command began": "替 INPUT 的每一列貼標籤；如果同一個指令先前執行過，就從停下的地方繼續",
	`Tag every row of INPUT, a CSV, TSV, NDJSON or Excel file, or - for standard input.

What became of each row is in a folder beside the input, INPUT.mantatag: see
succeeded.csv, failed.csv and retryable.csv there, and report.html. Running the
same command again goes on where it was; a row that has its outcome is not sent
twice.`: `替 INPUT 的每一列貼標籤。INPUT 是 CSV、TSV、NDJSON 或 Excel 檔，或用 - 表示標準輸入。

每一列的結果放在輸入檔旁的 INPUT.mantatag 資料夾：請看裡面的 succeeded.csv、
failed.csv、retryable.csv 和 report.html。再執行同一個指令會從停下的地方繼續；
已有結果的列不會送第二次。`,
	"the job's `folder` (default: INPUT.mantatag)":                                                                         "工作資料夾 `folder`（預設：INPUT.mantatag）",
	"start over, keeping the old job folder under a dated name":                                                            "重新開始；舊的工作資料夾會加上日期保留",
	"send again what failed in an earlier run":                                                                             "重送先前執行時失敗的列",
	"what to do with a request that was sent and got no answer of the API's own":                                           "已送出而沒有收到 API 本身回應的請求：resend 重送，hold 暫不重送",
	"the bot's `ID` (default: $MANTATAG_BOT_ID)":                                                                           "機器人的 `ID`（預設：$MANTATAG_BOT_ID）",
	"requests in a time, such as 50/s or 3000/m, or auto to find the limit":                                                "一段時間內的請求數，例如 50/s、3000/m；auto 會自動找出 API 的速率限制",
	"the most that --rate auto may reach":                                                                                  "--rate auto 的上限",
	"requests in flight at most; one that has stalled leaves its place to another, save with 1":                            "同時進行的請求數上限；沒有回應的請求會讓出位置，設為 1 時除外",
	"attempts at a row in one run, before it is retryable":                                                                 "一次執行中每列最多試幾次，之後列為可重試",
	"how long to wait for one answer":                                                                                      "等待一個回應的時間",
	"how long everything may fail before the run stops":                                                                    "所有請求都失敗多久之後停止執行",
	"refused rows, with no success between, that stop the run; 0: any number":                                              "連續多少列被拒（中間沒有一列成功）就停止；0 表示不限",
	"stop after this time, such as 4h":                                                                                     "執行這麼久之後停止，例如 4h",
	"stop at this local time, such as 06:00, today or tomorrow":                                                            "到這個本地時間就停止，例如 06:00（今天或明天）",
	"the API's base `URL` (default: $MANTATAG_API_URL, else https://mantago.cc/api)":                                       "API 的基底網址 `URL`（預設：$MANTATAG_API_URL，否則 https://mantago.cc/api）",
	"a `file` with the API token (default: $MANTATAG_TOKEN)":                                                               "存放 API 權杖的檔案 `file`（預設：$MANTATAG_TOKEN）",
	"a `file` with the secret key (default: $MANTATAG_SECRET)":                                                             "存放密鑰的檔案 `file`（預設：$MANTATAG_SECRET）",
	"renew the pair in those files, once, when it has expired":                                                             "過期時更新這兩個檔案裡的權杖與密鑰，以一次為限",
	"run against the built-in stand-in for the API; no account needed":                                                     "使用內建的模擬伺服器執行，不需要帳號",
	"write summary.json to standard output instead of a table":                                                             "在標準輸出寫出 summary.json，而不是表格",
	"say nothing but what went wrong":                                                                                      "只說出了什麼問題",
	"draw no progress bar":                                                                                                 "不顯示進度列",
	"how much run.log says":                                                                                                "run.log 記錄的詳細程度",
	"how log lines look on standard error":                                                                                 "標準錯誤輸出上記錄的格式",
	"write the result as Prometheus metrics to this `file`":                                                                "把結果以 Prometheus 指標寫到這個檔案 `file`",
	"the tag `ID` of rows that have none":                                                                                  "沒有標籤的列所用的標籤 `ID`",
	"the `platform` of rows that have none: line, facebook, instagram, liveChat or whatsapp":                               "沒有平台的列所用的平台 `platform`：line、facebook、instagram、liveChat 或 whatsapp",
	"the column of a field, where its name does not say so":                                                                "欄位名稱認不出來時，指定項目所在的欄位",
	"the format of INPUT":                                                                                                  "INPUT 的格式",
	"the `character` between two cells, or tab (default: found from the content)":                                          "分隔儲存格的字元 `character`，或 tab（預設：從內容判斷）",
	"the `encoding` of the text, such as utf-8, big5, gb18030, utf-16le or windows-1252 (default: found from the content)": "文字編碼 `encoding`，例如 utf-8、big5、gb18030、utf-16le 或 windows-1252（預設：從內容判斷）",
	"the `name` of the sheet of a workbook (default: the first that is not hidden)":                                        "活頁簿中工作表的名稱 `name`（預設：第一張沒有隱藏的）",
	"`what` stands between the tags of a cell that holds several, such as '|', or \\n for a line break":                    "一格有好幾個標籤時，分隔它們的文字 `what`，例如 '|'，換行寫成 \\n",

	// check
	"Read all of INPUT and say what a run would meet, sending nothing": "讀完整個 INPUT，說明執行時會遇到什麼，不送出任何請求",
	`Read all of INPUT, a CSV, TSV, NDJSON or Excel file, or - for standard input,
and say how it is read, which rows cannot be sent and why, what looks odd, and
what the first requests would be. Nothing is sent, and no credentials are needed.

The exit code is 0 if every row can be sent, 3 if some cannot, and 2 if the file
cannot be used.`: `讀完整個 INPUT（CSV、TSV、NDJSON 或 Excel 檔，或用 - 表示標準輸入），說明它如何讀取、
哪些列不能送出及原因、哪些看起來不尋常，以及最先送出的請求。不會送出任何請求，
也不需要權杖和密鑰。

結束代碼：每一列都可以送出為 0，有些不能送出為 3，檔案無法使用為 2。`,
	"the job's `folder`, to tell what is done already (default: INPUT.mantatag, if it is there)": "工作資料夾 `folder`，用來看哪些已經做完（預設：INPUT.mantatag，如果存在）",
	"speak of a run against the built-in stand-in for the API":                                   "當作使用內建的模擬伺服器執行",
	"requests in a time, such as 50/s or 3000/m, or auto for what was learned":                   "一段時間內的請求數，例如 50/s、3000/m；auto 使用先前得知的速率",
	"a `file` with the API token, to tell whether it lasts (default: $MANTATAG_TOKEN)":           "存放 API 權杖的檔案 `file`，用來看它是否夠用到結束（預設：$MANTATAG_TOKEN）",
	"write the rows that cannot be sent to this `file`, with the reasons":                        "把不能送出的列連同原因寫到這個檔案 `file`",
	"write the result in JSON to standard output":                                                "在標準輸出以 JSON 寫出結果",

	// status, report
	"Show a job on one screen, also while it runs":                                    "用一個畫面顯示工作的狀況，執行中也可以",
	"write it as summary.json has it, and whether a run goes on":                      "以 summary.json 的格式寫出，並指出是否正在執行",
	"Write the reports of a job again from its journal and input, also while it runs": "依工作的日誌和輸入檔重新產生報告，執行中也可以",
	"write summary.json to standard output too":                                       "同時在標準輸出寫出 summary.json",

	// token
	"Look after the bot's API token": "管理機器人的 API 權杖",
	"Renew the bot's token and secret by the vendor's endpoint, into the files given": "透過廠商的端點更新機器人的權杖與密鑰，寫入指定的檔案",
	`Renew the bot's token and secret by the vendor's endpoint, into the files given.

The old pair is dead from then on: everything else that uses it needs the new
one. An expired token can still be renewed.`: `透過廠商的端點更新機器人的權杖與密鑰，寫入指定的檔案。

舊的權杖與密鑰從此失效：其他使用它們的程式都要換上新的。過期的權杖仍然可以更新。`,
	"the `file` with the API token":  "存放 API 權杖的檔案 `file`",
	"the `file` with the secret key": "存放密鑰的檔案 `file`",

	// help, completion
	"Say what a command does and which flags it has":                          "說明指令的作用和它的參數",
	"Say what a command does and which flags it has, as COMMAND --help does.": "說明指令的作用和它的參數，與 COMMAND --help 相同。",
	"Write the script by which a shell completes commands and flags":          "寫出讓 shell 自動完成指令和參數的腳本",
	"Write the script by which a shell completes commands and flags.":         "寫出讓 shell 自動完成指令和參數的腳本。",
	"leave out what the completions mean":                                     "不附上自動完成項目的說明",
	"Write the script for bash":                                               "寫出 bash 用的腳本",
	"Write the script for zsh":                                                "寫出 zsh 用的腳本",
	"Write the script for fish":                                               "寫出 fish 用的腳本",
	"Write the script for powershell":                                         "寫出 powershell 用的腳本",
	`Write the script for bash.

In this shell:    source <(mantatag completion bash)
In every shell:   mantatag completion bash >~/.local/share/bash-completion/completions/mantatag

It needs the package bash-completion.`: `寫出 bash 用的腳本。

只在這個 shell：   source <(mantatag completion bash)
在每個 shell：     mantatag completion bash >~/.local/share/bash-completion/completions/mantatag

需要先安裝 bash-completion 套件。`,
	`Write the script for zsh.

In this shell:    source <(mantatag completion zsh)
In every shell:   mantatag completion zsh >"${fpath[1]}/_mantatag"

It needs compinit: autoload -U compinit; compinit`: `寫出 zsh 用的腳本。

只在這個 shell：   source <(mantatag completion zsh)
在每個 shell：     mantatag completion zsh >"${fpath[1]}/_mantatag"

需要先啟用 compinit：autoload -U compinit; compinit`,
	`Write the script for fish.

In this shell:    mantatag completion fish | source
In every shell:   mantatag completion fish >~/.config/fish/completions/mantatag.fish`: `寫出 fish 用的腳本。

只在這個 shell：   mantatag completion fish | source
在每個 shell：     mantatag completion fish >~/.config/fish/completions/mantatag.fish`,
	`Write the script for powershell.

In this shell:    mantatag completion powershell | Out-String | Invoke-Expression
In every shell:   put that line into the file that $PROFILE names`: `寫出 powershell 用的腳本。

只在這個 shell：   mantatag completion powershell | Out-String | Invoke-Expression
在每個 shell：     把上面那一行放進 $PROFILE 所指的檔案`,

	// sandbox
	"Serve a local stand-in for the API, for trying things out": "在本機執行模擬的 API 伺服器，供試用",
	`Serve a local stand-in for the API, for trying things out.

It keeps tags in memory only, knows one bot, and prints the settings with which
mantatag run uses it. As it stands it lets 50 requests a second through after a
first 20, takes about 20 ms for an answer and does not know 2 % of the clients.

Kinds of rate limit (--limit):
  none             lets everything through
  bucket           a token bucket: --rate a second, --burst at first
  leaky            a leaky bucket, as nginx limit_req with burst and nodelay
  fixed-window     --requests in each --window of the clock
  first-window     the same, each window beginning with a request
  sliding-log      --requests in any time as long as --window
  sliding-counter  the same, reckoned from two windows
  strict-counter   the same, refused requests counting too
  concurrency      --in-flight requests at once
With --ban, who is refused is shut out for a time.`: `在本機執行模擬的 API 伺服器，供試用。

標籤只存在記憶體裡，只認得一個機器人，並會顯示讓 mantatag run 使用它的設定。
預設是先放行 20 個請求，之後每秒 50 個，每個回應約 20 毫秒，有 2 % 的客戶不存在。

速率限制的種類（--limit）：
  none             全部放行
  bucket           權杖桶：每秒 --rate 個，一開始可多 --burst 個
  leaky            漏桶，如同 nginx limit_req 加上 burst 和 nodelay
  fixed-window     時鐘上每段 --window 內 --requests 個
  first-window     同上，但每段時間從一個請求開始起算
  sliding-log      任何長度為 --window 的時間內 --requests 個
  sliding-counter  同上，以前後兩段時間估算
  strict-counter   同上，被拒的請求也計算在內
  concurrency      同時 --in-flight 個請求
加上 --ban，被拒者會有一段時間完全無法使用。`,
	"address to listen on; port 0: any free one":     "監聽的位址；連接埠 0 表示任何空的連接埠",
	"allow an address that other machines can reach": "允許使用其他電腦連得到的位址",
	"`KIND` of rate limit: bucket, concurrency, first-window, fixed-window, leaky, none, sliding-counter, sliding-log, strict-counter": "速率限制的種類 `KIND`：bucket、concurrency、first-window、fixed-window、leaky、none、sliding-counter、sliding-log、strict-counter",
	"requests a second (bucket, leaky)":                                                               "每秒的請求數（bucket、leaky）",
	"requests beyond the rate that may come at once (bucket, leaky)":                                  "超出速率之外，可以一次進來的請求數（bucket、leaky）",
	"requests in a window (fixed-window, first-window, sliding-log, sliding-counter, strict-counter)": "每段時間的請求數（fixed-window、first-window、sliding-log、sliding-counter、strict-counter）",
	"length of the window":           "每段時間的長度",
	"requests at once (concurrency)": "同時的請求數（concurrency）",
	"shut out who is refused for so long; each request meanwhile begins it anew":                                                        "被拒者在這段時間內無法使用；期間每個請求都會重新起算",
	"change the limit by `TIME=FACTOR`, as 30s=0.25: to a quarter, 30s after the first request; repeatable":                             "依 `TIME=FACTOR` 改變限制，例如 30s=0.25：第一個請求的 30 秒後降為四分之一；可重複給",
	"`SCHEME` by which answers tell of the limit: none, retry-after, retry-after-date, ratelimit, x-ratelimit-delta, x-ratelimit-epoch": "回應告知限制的方式 `SCHEME`：none、retry-after、retry-after-date、ratelimit、x-ratelimit-delta、x-ratelimit-epoch",
	"how far the server's clock is ahead":        "伺服器時鐘快了多少",
	"median time to an answer":                   "回應時間的中位數",
	"sigma of the lognormal spread of that time": "回應時間對數常態分布的 sigma",
	"share of clients that do not exist; always the same ones, and every id that ends in -unknown": "不存在的客戶比例；每次都是同一批，另外加上所有以 -unknown 結尾的 ID",
	"refuse a mapping that is there already":                                                       "拒絕已經存在的配對",
	"send errors of the API with status 200":                                                       "API 的錯誤以狀態碼 200 送出",
	"requests after which a token expires; 0: never":                                               "多少個請求後權杖過期；0 表示不會",
	"time after which a token expires; 0: never":                                                   "多久之後權杖過期；0 表示不會",
	"let requests go wrong by `KIND=SHARE`, as reset=0.01: one in a hundred; repeatable; kinds: 500, 503, 502, sign-in, redirect, stall, close, refuse, reset, truncate, short-length, trickle, endless-body, endless-header, bad-json, deep-json": "依 `KIND=SHARE` 讓請求出錯，例如 reset=0.01：每一百個有一個；可重複給；種類：500、503、502、sign-in、redirect、stall、close、refuse、reset、truncate、short-length、trickle、endless-body、endless-header、bad-json、deep-json",
	"when an outage begins, after the first request":     "第一個請求之後多久開始故障",
	"how long it lasts; 0: there is none":                "故障持續多久；0 表示沒有故障",
	"`KIND` of fault that every request meets meanwhile": "故障期間每個請求遇到的錯誤種類 `KIND`",
	"seed of everything that is left to chance":          "隨機數的種子",

	"the `folder` for what was learned of rate limits (default: $XDG_STATE_HOME/mantatag; on Windows %LOCALAPPDATA%\\mantatag)": "存放已得知的速率限制的資料夾 `folder`（預設：$XDG_STATE_HOME/mantatag；Windows 為 %LOCALAPPDATA%\\mantatag）",
}
