package lang

import "golang.org/x/sys/windows"

// setting is the language that the user has chosen for Windows; "" if it does not
// say.
func setting() string {
	names, err := windows.GetUserPreferredUILanguages(windows.MUI_LANGUAGE_NAME)
	if err != nil || len(names) == 0 {
		return ""
	}
	return names[0]
}
