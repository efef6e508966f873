package lang

// zhWorker are the sentences of packages worker and worker/manta.
var zhWorker = map[string]string{
	"%[1]v": "%[1]v",

	// Why a run stops.
	"the API has not answered properly for %[1]s (%[2]s), and not once in this run: check --api-url and the network; the rows that are left will be sent when you run the same command again": "API 已經 %[1]s 沒有正常回應（%[2]s），這次執行中一次也沒有：請檢查 --api-url 與網路；再執行同一個指令就會送出剩下的列",
	"the API has not answered properly for %[1]s (%[2]s); the rows that are left will be sent when you run the same command again":                                                            "API 已經 %[1]s 沒有正常回應（%[2]s）；再執行同一個指令就會送出剩下的列",
	"%[1]d rows in a row were refused with no success between (the last: %[2]s); check the tag and the ids, or raise --stop-after-failures":                                                   "連續 %[1]d 列被拒，中間沒有一列成功（最後一列：%[2]s）；請檢查標籤和 ID，或調高 --stop-after-failures",
	"%[1]s; check --api-url and the network": "%[1]s；請檢查 --api-url 和網路",

	// A renewal.
	"the answer (%[1]s) holds no new pair":                         "回應（%[1]s）裡沒有新的權杖與密鑰",
	"the API refused to renew the pair (%[1]s: %[2]s, code %[3]s)": "API 拒絕更新權杖與密鑰（%[1]s：%[2]s，代碼 %[3]s）",
	"%[1]s: the answer to the renewal was lost, so the old pair may be dead and the new one unknown: look the pair up in MantaGO before anything else is tried": "%[1]s：沒有收到更新的結果，所以舊的權杖與密鑰可能已經失效，而新的還不知道：請先到 MantaGO 查看，再做別的嘗試",

	// A journal, and what was learned.
	"%[1]s: line %[2]s (byte %[3]s): %[4]v: the journal is damaged: put back a copy of the file that is sound, or start over with --fresh, which keeps the old job folder": "%[1]s：第 %[2]s 行（第 %[3]s 位元組）：%[4]v：日誌已損壞；請換回完好的備份，或用 --fresh 重新開始（會保留舊的工作資料夾）",
	"the job folder %[1]s cannot be moved: %[2]v; close what is open in it, also in a terminal that stands there, and run the same command again":                          "無法移動工作資料夾 %[1]s：%[2]v；請關閉其中開啟的檔案（以及停在該資料夾的終端機），再執行同一個指令",
	"%[1]s cannot be written: %[2]v; if it is open in another program, such as Excel, close it there; then mantatag report \"%[3]s\" writes it":                            "無法寫入 %[1]s：%[2]v；如果正在其他程式（例如 Excel）中開啟，請先在那裡關閉，再用 mantatag report \"%[3]s\" 寫出",
	"%[1]s: byte %[2]s: %[3]v: the journal is damaged: put back a copy of the file that is sound, or start over with --fresh, which keeps the old job folder":              "%[1]s：第 %[2]s 位元組：%[3]v：日誌已損壞；請換回完好的備份，或用 --fresh 重新開始（會保留舊的工作資料夾）",
	"zeros in the place of a line that was once written whole":                 "曾經完整寫入的一行變成了零",
	"the line does not have the checksum or the form that it was written with": "這一行的檢查碼或格式與當初寫入的不符",
	"the line that stood here cannot be read any more":                         "原本在這裡的一行已經讀不出來",
	"an entry is longer than a line of the journal may be":                     "有一筆記錄超過日誌一行的長度上限",
	"the reports were not made: %[1]v":                                         "報告沒有完成：%[1]v",

	// The stand-in.
	"no fault is called %[1]q: choose one of %[2]s":           "沒有名為 %[1]q 的錯誤種類：請用 %[2]s 其中之一",
	"no scheme of hints is called %[1]q: choose one of %[2]s": "沒有名為 %[1]q 的告知方式：請用 %[2]s 其中之一",
	"the sandbox cannot listen on %[1]s: %[2]v":               "模擬伺服器無法監聽 %[1]s：%[2]v",
	"the sandbox had to stop: %[1]v":                          "模擬伺服器不得不停止：%[1]v",
	"requests: %[1]d; accepted: %[2]d (again: %[3]d); over the limit: %[4]d (too early: %[5]d); refused: %[6]d; met a fault: %[7]d": "請求：%[1]d；接受：%[2]d（重複：%[3]d）；超過限制：%[4]d（太早：%[5]d）；拒絕：%[6]d；遇到錯誤：%[7]d",

	// What became of a request.
	"the bot has no such client: check the id and the platform (%[1]s)": "這個機器人沒有這位客戶：請檢查 ID 和平台（%[1]s）",
	"the request lacks a field that the API requires (%[1]s)":           "請求缺少 API 必要的欄位（%[1]s）",
	"the server redirects elsewhere, and redirects are never followed":  "伺服器要求轉址，而轉址一律不跟隨",
	"the server redirects to %[1]q, and redirects are never followed":   "伺服器要求轉址到 %[1]q，而轉址一律不跟隨",
	"the answer (%[1]s) is not the API's: %[2]s":                        "這個回應（%[1]s）不是 API 給的：%[2]s",
	"the answer (%[1]s) contradicts its body":                           "這個回應（%[1]s）與它的內容矛盾",
	"it is far longer than any answer of the API":                       "遠比 API 的任何回應都長",
	"it is empty":     "內容是空的",
	"it begins %[1]q": "開頭是 %[1]q",
	"the certificate of %[1]s does not verify: %[2]s":        "%[1]s 的憑證無法驗證：%[2]s",
	"no answer within %[1]s":                                 "%[1]s 內沒有回應",
	"the request was given up":                               "這個請求已放棄",
	"the host name %[1]s does not resolve":                   "查不到主機名稱 %[1]s",
	"no connection to %[1]s: %[2]s":                          "無法連線到 %[1]s：%[2]s",
	"the connection was closed before the whole answer came": "回應還沒傳完，連線就關閉了",
	"%[1]s answers without TLS: the address of the API should begin with http, or have another port": "%[1]s 的回應沒有使用 TLS：API 網址應以 http 開頭，或使用其他連接埠",
	"the connection was lost: %[1]s": "連線中斷：%[1]s",
}
