package main

import (
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mantatag/cmd/mantatag/lang"
)

// helpTexts are all texts that help has, in the order in which they stand in
// the tree of commands.
func helpTexts(name string) []string {
	var all []string
	var each func(cmd *cobra.Command)
	each = func(cmd *cobra.Command) {
		all = append(all, cmd.Short, cmd.Long)
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { all = append(all, f.Usage) })
		for _, sub := range cmd.Commands() {
			each(sub)
		}
	}
	each(newRootCommand(lang.New(name)))
	l := lang.New(name)
	for _, title := range []string{"version", "Usage:", "Examples:", "Commands:", "Flags:", "Flags of every command:"} {
		all = append(all, l.Text(title))
	}
	return all
}

// Whatever help says, it says in Traditional Chinese too.
func TestHelpInTraditionalChinese(t *testing.T) {
	english, chinese, texts := helpTexts(lang.English), helpTexts(lang.TraditionalChinese), lang.Help()
	if len(english) != len(chinese) || len(english) < 100 {
		t.Fatalf("%d and %d texts", len(english), len(chinese))
	}
	said := map[string]bool{"": true}
	for i, text := range english {
		said[text] = true
		if text == "" || chinese[i] == texts[text] && strings.ContainsFunc(chinese[i], func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
			name, _ := pflag.UnquoteUsage(&pflag.Flag{Usage: text, Value: new(rateFlag)})
			zhName, _ := pflag.UnquoteUsage(&pflag.Flag{Usage: chinese[i], Value: new(rateFlag)})
			if strings.Contains(text, "`") && name != zhName {
				t.Errorf("%q calls its value %s, and in Chinese %s", text, name, zhName)
			}
			continue
		}
		t.Errorf("no text for %q", text)
	}
	for text := range texts {
		if !said[text] {
			t.Errorf("%q is said nowhere any more", text)
		}
	}
}
