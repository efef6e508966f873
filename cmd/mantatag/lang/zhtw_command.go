package lang

var zhCommand = map[string]string{}
