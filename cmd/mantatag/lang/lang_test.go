package lang

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
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
var sayers = []string{"Say", "say", "sayf", "usagef", "note", "Word", "sentencef"}

// told are the packages whose English reaches a user.
var told = []string{"..", ".", "../../../worker", "../../../worker/manta", "../../../worker/manta/sandbox", "../../../worker/pace", "../../../report", "../../../report/journal", "../../../ingest"}

// keys are all sentences that the program has: those that go by a name, and
// those that stand in the source.
func keys(t *testing.T) map[string]string {
	all := catalogue()
	for key := range sentences(t) {
		all[key] = key
	}
	return all
}

// source walks the program's own source.
func source(t *testing.T, visit func(place string, n ast.Node)) {
	for _, dir := range told {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no source in %s: %v", dir, err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			set := token.NewFileSet()
			parsed, err := parser.ParseFile(set, name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				if n != nil {
					at := set.Position(n.Pos())
					visit(strings.TrimPrefix(filepath.ToSlash(at.Filename), "../../../")+":"+strconv.Itoa(at.Line), n)
				}
				return true
			})
		}
	}
}

// sentences are the keys in the source.
func sentences(t *testing.T) map[string]bool {
	found := map[string]bool{}
	add := func(e ast.Expr) {
		if text, ok := literal(e); ok {
			found[strings.NewReplacer("%w", "%v", "]w", "]v").Replace(text)] = true
		}
	}
	source(t, func(place string, n ast.Node) {
		switch n := n.(type) {
		case *ast.CallExpr:
			byName := strings.HasPrefix(place, "ingest/") || strings.HasPrefix(place, "report/") && !strings.HasPrefix(place, "report/journal/")
			if name := calledName(n); len(n.Args) > 0 && (slices.Contains(sayers, name) && !byName || name == "errors.New" && !internal(n)) {
				add(n.Args[0])
			}
		case *ast.FuncDecl: // Sentence() (key string, args []any)
			if n.Name.Name == "Sentence" && n.Body != nil {
				ast.Inspect(n.Body, func(n ast.Node) bool {
					if r, ok := n.(*ast.ReturnStmt); ok && len(r.Results) == 2 {
						add(r.Results[0])
					}
					return true
				})
			}
		}
	})
	return found
}

func literal(e ast.Expr) (string, bool) {
	text, ok := e.(*ast.BasicLit)
	if !ok || text.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(text.Value)
	return s, err == nil
}

// internals are errors that no user sees.
var internals = map[string]string{
	"an entry without a kind cannot be written to the journal": "a fault of the program, which its tests find",
	"no session was begun in the journal":                      "likewise",
	"there is no answer to this mapping in the journal":        "likewise",
	"the journal is not open for writing":                      "likewise",
	"a row's task panicked":                                    "the panic itself is shown",
	"line too long":                                            "becomes a CorruptError",
	"long row":                                                 "becomes a fault of the row",
	"the job is already running":                               "comes within a LockedError",
	"the journal is damaged":                                   "comes within a CorruptError",
	"the answer to the renewal was lost":                       "comes within an error that has a sentence",
	"the API refused to renew the pair":                        "likewise",
	"the response's body is closed":                            "net/http wants it",
	"a run of this job began or ended while the reports were made; make them again": "report makes them again",
}

func internal(call *ast.CallExpr) bool {
	text, ok := literal(call.Args[0])
	return ok && internals[text] != ""
}

// plain are the calls of fmt.Errorf that are left: their errors are told apart
// by what they wrap, which has its sentence.
var plain = []string{"%s is of version %d: %w", "%v"}

var words = regexp.MustCompile(`[a-z]{2,} [a-z]+`)

// English that goes out without having been said in the user's language.
func TestNothingIsSaidInEnglishOnly(t *testing.T) {
	met := map[string]bool{}
	source(t, func(place string, n ast.Node) {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return
		}
		switch name := calledName(call); name {
		case "errors.New":
			if text, ok := literal(call.Args[0]); !ok {
				t.Errorf("%s: an error without a sentence", place)
			} else {
				met[text] = true
			}
		case "fmt.Errorf":
			if text, ok := literal(call.Args[0]); ok && !slices.Contains(plain, text) {
				t.Errorf("%s: fmt.Errorf(%q) cannot be said in other languages", place, text)
			}
		case "Msg", "Msgf", "fmt.Fprint", "fmt.Fprintf", "fmt.Fprintln", "fmt.Print", "fmt.Printf", "fmt.Println":
			for _, arg := range call.Args {
				if text, ok := literal(arg); ok && words.MatchString(text) && !strings.HasPrefix(place, "report/") && !strings.HasPrefix(place, "worker/manta/sandbox/") {
					t.Errorf("%s: %q is said in English only", place, text)
				}
			}
		}
	})
	for text, why := range internals {
		if !met[text] {
			t.Errorf("%q (%s) is there no more", text, why)
		}
	}
}

func calledName(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if pkg, ok := f.X.(*ast.Ident); ok && (pkg.Name == "fmt" || pkg.Name == "errors") {
			return pkg.Name + "." + f.Sel.Name
		}
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

func TestSingularsAreOfSentences(t *testing.T) {
	all := keys(t)
	for key, one := range singular {
		if _, ok := all[key]; !ok {
			t.Errorf("%q is said nowhere any more", key)
		}
		if want, got := arguments(key), arguments(one); !maps.Equal(want, got) {
			t.Errorf("%q: the arguments are %v, not %v", key, got, want)
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
	for _, c := range []struct{ all, messages, lang, system, want string }{
		{"", "", "", "", "en"},
		{"", "", "zh_TW.UTF-8", "", "zh-TW"},
		{"", "", "zh_Hant_HK.UTF-8", "", "zh-TW"},
		{"", "", "zh_CN.UTF-8", "", "zh-TW"},
		{"", "", "de_DE.UTF-8", "", "en"},
		{"", "en_US.UTF-8", "zh_TW.UTF-8", "", "en"},
		{"", "zh_TW.UTF-8", "en_US.UTF-8", "", "zh-TW"},
		{"C", "zh_TW.UTF-8", "zh_TW.UTF-8", "", "en"},
		{"zh_TW", "C", "C", "", "zh-TW"},
		{"", "", "", "zh-Hant-TW", "zh-TW"},
		{"", "", "", "de-DE", "en"},
		{"", "", "C", "zh-TW", "en"},
	} {
		env := map[string]string{"LC_ALL": c.all, "LC_MESSAGES": c.messages, "LANG": c.lang}
		if got := FromEnv(func(name string) string { return env[name] }, func() string { return c.system }).String(); got != c.want {
			t.Errorf("%v, system %q: %s, not %s", env, c.system, got, c.want)
		}
	}
}

func TestFlag(t *testing.T) {
	l := OfUser()
	for given, want := range map[string]string{"en": "en", "zh-TW": "zh-TW", "zh_tw": "zh-TW", "EN": "en"} {
		if err := l.Set(given); err != nil || l.String() != want {
			t.Errorf("%s: %v, %v", given, l, err)
		}
	}
	if err := l.Set("tlh"); err == nil {
		t.Error("tlh was taken")
	}
}
