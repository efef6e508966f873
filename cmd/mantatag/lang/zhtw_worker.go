package lang

var zhWorker = map[string]string{}
