package lang

var zhReport = map[string]string{}
