package lang

var zhIngest = map[string]string{}
