package ingest

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/text/encoding/japanese"
)

func TestGuesses(t *testing.T) {
	table := func(cells ...string) string {
		return "name,clientId,tagId\n" + strings.Join(cells, ",c,t\n") + ",c,t\n"
	}
	for _, c := range []struct {
		text string
		in   *charset
	}{
		{table("王小明"), big5},
		{table("許功蓋"), big5},
		{table("陳淑芬", "蔡依林"), big5},
		{table("高雄市苓雅區四維三路２號"), big5},
		{table("已購買", "未回覆"), big5},
		{"客戶ID,標籤ID\nc,t\n", big5},
		{"客户ID,标签ID\nc,t\n", gb18030},
		{table("张伟", "刘洋", "陈静"), gb18030},
		{table("北京市朝阳区建国路八十八号"), gb18030},
		{table("谢谢您的购买", "已付款"), gb18030},
		{table("José", "Zoë", "Müller"), western},
		{table("Crème brûlée", "naïve – “ok”"), western},
		{table("Ærø Å", "Señor Ñuñez"), western},
	} {
		v, err := judge(strings.NewReader(string(encode(t, c.in, c.text))), mustNames(t))
		if err != nil || v.charset != c.in || !v.guessed || v.sample == "" {
			t.Errorf("%s %q: %v, %v", c.in.name, c.text, v, err)
		}
	}
}

func mustNames(t *testing.T) *names {
	t.Helper()
	n, err := newNames(Options{})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Too little to tell by, or an encoding that is not among those known, is
// refused and not guessed at.
func TestDoubtfulGuesses(t *testing.T) {
	japaneseText, _ := japanese.ShiftJIS.NewEncoder().String("name,clientId,tagId\n山田太郎,c,t\nさとうはなこ,c,t\nカタカナ,c,t\n")
	for _, text := range []string{
		string(encode(t, big5, "name,clientId\n王,c\n")),
		"name,clientId\nL'Ha\xFF-les-Roses,c\n",
		"name,clientId\nCitro\xEBn,c\n",
		"name,clientId\n\xE0,c\n",
		"name,clientId\n\xE7\x8E,c\n", // 鐜 in GBK, and what is left of 王 in UTF-8
		"name,clientId\n\x81a,c\n",
		string(encode(t, big5, "王小明,c\n")) + string(encode(t, gb18030, "刘伟,c\n")),
		japaneseText,
	} {
		v, err := judge(strings.NewReader(text), mustNames(t))
		var input *InputError
		if !errors.As(err, &input) || input.ID != "doubtful-encoding" {
			t.Errorf("%q taken for %v: %q, %v", text, v.charset, v.sample, err)
		}
	}
}

// UTF-8 with a few bad bytes stays UTF-8: only their rows fail.
func TestMostlyUTF8(t *testing.T) {
	text := "name,clientId,tagId\n王小明\xFF,c,t\n陳淑芬,d,t\n"
	rows, l := readAll(t, text, Options{})
	compare(t, rows, []string{"1@2 !bad-text | 王小明\xFF,c,t | ", "2@3 t d   | 陳淑芬,d,t | "})
	if l.Encoding != "utf-8" || l.Guessed || !strings.Contains(l.Sample, "王小明") {
		t.Errorf("%+v", l)
	}
}

// Bytes that no encoding can have fail their rows only, in a file that is ASCII but
// for them too.
func TestBytesOfNoEncoding(t *testing.T) {
	for _, bytes := range []string{"\xFF", "\xFF\xFF", "\x81", "12\x9D", "1\xFF2", "\x90\xFF"} {
		text := "name,clientId,tagId\n" + bytes + ",c,t\nx,d,t\n"
		rows, l := readAll(t, text, Options{})
		compare(t, rows, []string{"1@2 !bad-text | " + bytes + ",c,t | ", "2@3 t d   | x,d,t | "})
		if l.Encoding != "utf-8" || l.Guessed {
			t.Errorf("%+v", l)
		}
	}
}

// A byte that does not decode fails its row, and is never replaced in silence.
func TestUndecodable(t *testing.T) {
	var text []byte
	text = append(text, encode(t, big5, "姓名,clientId,tagId\n王小明,c1,t\n李大")...)
	text = append(text, 0xC7, ',')
	text = append(text, encode(t, big5, "c2,t\n"+strings.Repeat("陳淑芬,c3,t\n", 40))...)
	rows, _ := readAll(t, string(text), Options{})
	compare(t, rows[:3], []string{"1@2 t c1   | 王小明,c1,t | ", "2@3 !bad-text | 李大\uFFFD,c2,t | ", "3@4 t c3   | 陳淑芬,c3,t | "})
}

// Decoding by runs of ASCII is decoding, however the text is cut.
func FuzzASCIIRuns(f *testing.F) {
	f.Add([]byte("a,許功蓋,\xA4,b\n\x81\x30\x81\x30"), uint8(3))
	f.Fuzz(func(t *testing.T, text []byte, size uint8) {
		for _, c := range []*charset{big5, gb18030, western} {
			want, err := c.coding.NewDecoder().Bytes(text)
			if err != nil {
				t.Fatal(err)
			}
			in := iotest.OneByteReader(bytes.NewReader(text))
			got, err := io.ReadAll(c.decode(io.MultiReader(io.LimitReader(in, int64(size)), bytes.NewReader(text[min(len(text), int(size)):]))))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %q, %v, want %q", c.name, got, err, want)
			}
		}
	})
}
