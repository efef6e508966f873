package lang

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mantatag/ingest"
	"mantatag/report"
)

// sayers are the functions whose first argument is a key.
var sayers = []string{"Say", "say", "sayf", "usagef", "note", "Word"}

// keys are all sentences that the program has: those that go by a name, and
// those that stand in the source.
func keys(t *testing.T) map[string]string {
	all := catalogue()
	for key := range sentences(t) {
		all[key] = key
	}
	return all
}

// sentences are the keys in the source of the packages that write English out.
func sentences(t *testing.T) map[string]bool {
	found := map[string]bool{}
	for _, dir := range []string{"..", ".", "../../../worker", "../../../worker/manta", "../../../report/journal"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no source in %s: %v", dir, err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") || name == "../sandbox.go" {
				continue // the stand-in is for those who try things out, in English
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok && len(call.Args) > 0 {
					if text, ok := call.Args[0].(*ast.BasicLit); ok && text.Kind == token.STRING && slices.Contains(sayers, calledName(call)) {
						key, err := strconv.Unquote(text.Value)
						if err != nil {
							t.Fatal(err)
						}
						found[strings.NewReplacer("%w", "%v", "]w", "]v").Replace(key)] = true
					}
				}
				return true
			})
		}
	}
	return found
}

func calledName(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

func TestEverySentenceHasItsTraditionalChinese(t *testing.T) {
	all, zh := keys(t), traditionalChinese()
	for key, english := range all {
		text, ok := zh[key]
		if !ok {
			t.Errorf("no text for %q: %q", key, english)
			continue
		}
		want, got := arguments(english), arguments(text)
		for n, verb := range got {
			if want[n] != verb {
				t.Errorf("%q: argument %d is %s in Chinese and %q in English", key, n, verb, want[n])
			}
		}
		for n, verb := range want {
			if _, ok := got[n]; !ok && !mayLack[key] {
				t.Errorf("%q: argument %d (%s) is not said in Chinese", key, n, verb)
			}
		}
		if len(want) == 0 && strings.Contains(text, "%") != strings.Contains(english, "%") {
			t.Errorf("%q: a percent sign too many", key)
		}
	}
	for key := range zh {
		if _, ok := all[key]; !ok {
			t.Errorf("%q is said nowhere any more", key)
		}
	}
}

func TestNamesAreOfOnePackage(t *testing.T) {
	of := report.English()
	for id := range ingest.English() {
		if _, both := of[id]; both {
			t.Errorf("%s is a name in ingest and in report", id)
		}
	}
}

// mayLack are sentences that need not say all that the English one does.
var mayLack = map[string]bool{}

var verb = regexp.MustCompile(`%(?:\[(\d+)\])?[+#]?(?:\.\d+)?([a-zA-Z])`)

// arguments are the verbs of a format by the number of their argument.
func arguments(format string) map[int]string {
	found := map[int]string{}
	next := 1
	for _, m := range verb.FindAllStringSubmatch(strings.ReplaceAll(format, "%%", ""), -1) {
		if m[1] != "" {
			next, _ = strconv.Atoi(m[1])
		}
		found[next] = m[2]
		next++
	}
	return found
}

// Simplified characters and Mainland words that slip in easily.
func TestTraditionalChineseIsTaiwans(t *testing.T) {
	for key, text := range traditionalChinese() {
		for _, wrong := range []string{"数据", "數據", "文件", "行數", "默認", "软件", "軟件", "服務器", "網絡", "字符", "令牌", "用户", "设", "错", "机", "标签", "您"} {
			if strings.Contains(text, wrong) {
				t.Errorf("%q: %s has %s", key, text, wrong)
			}
		}
	}
}

func TestLanguageOfAnEnvironment(t *testing.T) {
	for _, c := range []struct{ all, messages, lang, want string }{
		{"", "", "", "en"},
		{"", "", "zh_TW.UTF-8", "zh-TW"},
		{"", "", "zh_Hant_HK.UTF-8", "zh-TW"},
		{"", "", "zh_CN.UTF-8", "zh-TW"},
		{"", "", "de_DE.UTF-8", "en"},
		{"", "en_US.UTF-8", "zh_TW.UTF-8", "en"},
		{"", "zh_TW.UTF-8", "en_US.UTF-8", "zh-TW"},
		{"C", "zh_TW.UTF-8", "zh_TW.UTF-8", "en"},
		{"zh_TW", "C", "C", "zh-TW"},
	} {
		env := map[string]string{"LC_ALL": c.all, "LC_MESSAGES": c.messages, "LANG": c.lang}
		if got := FromEnv(func(name string) string { return env[name] }).String(); got != c.want {
			t.Errorf("%v: %s, not %s", env, got, c.want)
		}
	}
}

func TestFlag(t *testing.T) {
	l := FromEnv(os.Getenv)
	for given, want := range map[string]string{"en": "en", "zh-TW": "zh-TW", "zh_tw": "zh-TW", "EN": "en"} {
		if err := l.Set(given); err != nil || l.String() != want {
			t.Errorf("%s: %v, %v", given, l, err)
		}
	}
	if err := l.Set("tlh"); err == nil {
		t.Error("tlh was taken")
	}
}
