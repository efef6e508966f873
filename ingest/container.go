package ingest

import (
	"bytes"
	"errors"
	"io"
	"regexp"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// What a file is wrapped in, told by its first bytes.
const (
	bare     = ""
	gzipped  = "gzip"
	zstded   = "zstd"
	workbook = "xlsx"
)

// A packed text may grow to expandFree whatever its size, and beyond that by
// expandMost times: tables shrink to a tenth or a twentieth, and only what is
// made to fill memory and disk to a thousandth.
const (
	expandFree = 64 << 20
	expandMost = 500
)

// magics are the beginnings of files. Those without a container cannot be
// read, and the message says why.
var magics = []struct {
	begins    string
	container string
	refuse    string // message
	what      string // message, or the name of a packer
}{
	{"\x1F\x8B", gzipped, "", ""},
	{"\x28\xB5\x2F\xFD", zstded, "", ""},
	{"PK\x03\x04", workbook, "", ""},
	{"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "", "old-workbook", ""},
	{"PK\x05\x06", "", "foreign", "an-empty-zip"},
	{"%PDF-", "", "foreign", "a-pdf"},
	{"\x89PNG", "", "foreign", "an-image"},
	{"\xFF\xD8\xFF", "", "foreign", "an-image"},
	{"BZh", "", "packed", "bzip2"},
	{"\xFD7zXZ\x00", "", "packed", "xz"},
	{"7z\xBC\xAF\x27\x1C", "", "packed", "7-Zip"},
	{"Rar!\x1A\x07", "", "packed", "RAR"},
	{"SQLite format 3\x00", "", "foreign", "a-database"},
	{"\x7FELF", "", "foreign", "a-program"},
	{"MZ\x90\x00", "", "foreign", "a-program"},
	{"\xFF\xFE\x00\x00", "", "foreign", "utf-32-text"},
	{"\x00\x00\xFE\xFF", "", "foreign", "utf-32-text"},
}

// containerOf tells what a file that begins so is wrapped in.
func containerOf(begins []byte) (string, error) {
	for _, m := range magics {
		if !bytes.HasPrefix(begins, []byte(m.begins)) {
			continue
		}
		switch m.refuse {
		case "":
			return m.container, nil
		case "foreign":
			return "", &InputError{Message: say("foreign", say(m.what)), Hint: say("hint-formats")}
		case "packed":
			return "", &InputError{Message: say("packed", m.what), Hint: say("hint-unpack")}
		}
		return "", &InputError{Message: say(m.refuse), Hint: say("hint-save-xlsx")}
	}
	return bare, nil
}

// The beginnings of texts that hold no table of ours: what the export of some
// programs gives, whatever its name says.
var (
	webPage     = regexp.MustCompile(`(?i)^(<(!doctype html|html|head|meta|style|div|table)\b|<!--|mime-version:)`) // the last is Excel's
	xmlDocument = regexp.MustCompile(`(?i)^<(\?xml|!doctype)\b`)
)

// noMarkup refuses a text that is XML or a web page.
func noMarkup(text []byte) error {
	var what Message
	switch text = bytes.TrimSpace(text); {
	case webPage.Match(text):
		what = say("a-page")
	case xmlDocument.Match(text):
		what = say("an-xml")
	default:
		return nil
	}
	return &InputError{Message: say("foreign", what), Hint: say("hint-formats")}
}

// unpack gives the text within the container, and what to call when done.
func (s *source) unpack(container string) (io.Reader, func(), error) {
	u := &unpacked{packed: s, container: container}
	switch container {
	case gzipped:
		z, err := gzip.NewReader(s)
		if err != nil {
			return nil, nil, u.fault(err)
		}
		u.text = z
		return u, func() { z.Close() }, nil
	case zstded:
		// One goroutine less, and no more memory than a frame's window needs,
		// which may be at most 64 MiB by agreement of its writers.
		z, err := zstd.NewReader(s, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(64<<20))
		if err != nil {
			return nil, nil, u.fault(err)
		}
		u.text = z
		return u, z.Close, nil
	}
	return s, func() {}, nil
}

// unpacked is a text as it comes out of its container. Damage is the input's
// fault, and so is a text that grows without measure.
type unpacked struct {
	packed    *source
	container string
	text      io.Reader
	length    int64
}

func (u *unpacked) Read(p []byte) (int, error) {
	n, err := u.text.Read(p)
	u.length += int64(n)
	if u.length > expandFree && u.length > expandMost*u.packed.read {
		return 0, &InputError{Message: say("bomb", expandMost)}
	}
	if err == io.EOF {
		if err := u.packed.unchanged(); err != nil {
			return 0, err
		}
		return n, err
	}
	if err != nil {
		err = u.fault(err)
	}
	return n, err
}

func (u *unpacked) fault(err error) error {
	if _, ok := errors.AsType[*InputError](err); ok {
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF {
		return &InputError{Message: say("cut-off", u.container), Hint: say("hint-get-again"), Err: err}
	}
	return &InputError{Message: say("damaged", u.container, err.Error()), Hint: say("hint-get-again"), Err: err}
}
