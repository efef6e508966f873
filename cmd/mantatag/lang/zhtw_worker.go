package lang

// zhWorker are the sentences of packages worker and worker/manta.
var zhWorker = map[string]string{
	"%[1]v": "%[1]v",

	// Why a run stops.
	"the API has not answered properly for %[1]s (%[2]s); the rows that are left will be sent when you run the same command again":          "API 已經 %[1]s 沒有正常回應（%[2]s）；再執行同一個指令就會送出剩下的列",
	"%[1]d rows in a row were refused with no success between (the last: %[2]s); check the tag and the ids, or raise --stop-after-failures": "連續 %[1]d 列被拒，中間沒有一列成功（最後一列：%[2]s）；請檢查標籤和 ID，或調高 --stop-after-failures",
	"%[1]s; check --api-url and the network": "%[1]s；請檢查 --api-url 和網路",

	// What became of a request.
	"the server redirects elsewhere, and redirects are never followed": "伺服器要求轉址，而轉址一律不跟隨",
	"the server redirects to %[1]q, and redirects are never followed":  "伺服器要求轉址到 %[1]q，而轉址一律不跟隨",
	"the answer (%[1]s) is not the API's: %[2]s":                       "這個回應（%[1]s）不是 API 給的：%[2]s",
	"the answer (%[1]s) contradicts its body":                          "這個回應（%[1]s）與它的內容矛盾",
	"it is far longer than any answer of the API":                      "遠比 API 的任何回應都長",
	"it is empty":     "內容是空的",
	"it begins %[1]q": "開頭是 %[1]q",
	"the certificate of %[1]s does not verify: %[2]s":        "%[1]s 的憑證無法驗證：%[2]s",
	"no answer within %[1]s":                                 "%[1]s 內沒有回應",
	"the request was given up":                               "這個請求已放棄",
	"the host name %[1]s does not resolve":                   "查不到主機名稱 %[1]s",
	"no connection to %[1]s: %[2]s":                          "無法連線到 %[1]s：%[2]s",
	"the connection was closed before the whole answer came": "回應還沒傳完，連線就關閉了",
	"the connection was lost: %[1]s":                         "連線中斷：%[1]s",
}
