package ingest

import (
	"encoding/binary"
	"os"
	"sort"
)

const (
	// textsInMemory is how much text is kept in memory, beyond which all of it
	// goes into a temporary file.
	textsInMemory = 1 << 20
	// A block of texts is found by the index and read at once. It ends after so
	// many texts or bytes, whichever comes first.
	blockTexts = 64
	blockBytes = 16 << 10
	// keptBlocks is how many blocks are kept: those of the texts that nearly
	// every row has, and the one that the rows are going through.
	keptBlocks = 64
)

// texts are the texts that the cells of a workbook share, by their number. A
// large table of them is in a temporary file, and memory holds 16 bytes for
// each block of it.
type texts struct {
	buf  []byte   // what is not in the file yet; all of it once built, if there is none
	file *os.File // nil: the table is small
	name string   // of the file, where it could not be removed yet
	size int64    // of all
	n    int      // of all

	blocks []block
	kept   [keptBlocks + 1]struct { // the last is for blocks with a text of unusual length
		number int // of the block, from 1; 0: none
		data   []byte
	}
}

// block is where some texts begin, each as its length and itself.
type block struct {
	first int // its number
	at    int64
}

// add appends a text to the table.
func (t *texts) add(text []byte) error {
	if n := len(t.blocks); n == 0 || t.n-t.blocks[n-1].first == blockTexts || t.size-t.blocks[n-1].at >= blockBytes {
		t.blocks = append(t.blocks, block{t.n, t.size})
	}
	before := len(t.buf)
	t.buf = binary.AppendUvarint(t.buf, uint64(len(text)))
	t.buf = append(t.buf, text...)
	t.size += int64(len(t.buf) - before)
	t.n++
	if len(t.buf) < textsInMemory {
		return nil
	}
	return t.spill()
}

// spill moves what is in memory to the file.
func (t *texts) spill() error {
	if t.file == nil {
		file, err := os.CreateTemp("", "mantatag-texts-*")
		if err != nil {
			return err
		}
		t.file = file
		// Without its name it ends with the program, however that ends. Windows
		// keeps the name while a file is open.
		if os.Remove(file.Name()) != nil {
			t.name = file.Name()
		}
	}
	_, err := t.file.Write(t.buf)
	t.buf = t.buf[:0]
	return err
}

// built is called when all texts have been added.
func (t *texts) built() error {
	if t.file == nil {
		return nil
	}
	err := t.spill()
	t.buf = nil
	return err
}

// at is the text with that number, which is below n. It is valid until the next
// call.
func (t *texts) at(number int) ([]byte, error) {
	i := sort.Search(len(t.blocks), func(i int) bool { return t.blocks[i].first > number }) - 1
	data, err := t.block(i)
	if err != nil {
		return nil, err
	}
	for k := t.blocks[i].first; ; k++ {
		length, n := binary.Uvarint(data)
		text := data[n : n+int(length)]
		if k == number {
			return text, nil
		}
		data = data[n+int(length):]
	}
}

// block reads a block, or has it still.
func (t *texts) block(i int) ([]byte, error) {
	from, to := t.blocks[i].at, t.size
	if i+1 < len(t.blocks) {
		to = t.blocks[i+1].at
	}
	if t.file == nil {
		return t.buf[from:to], nil
	}
	place := i % keptBlocks
	if to-from > 2*blockBytes {
		place = keptBlocks
	}
	kept := &t.kept[place]
	if kept.number == i+1 {
		return kept.data, nil
	}
	kept.number = 0
	kept.data = append(kept.data[:0], make([]byte, to-from)...)
	if _, err := t.file.ReadAt(kept.data, from); err != nil {
		return nil, err
	}
	kept.number = i + 1
	return kept.data, nil
}

// close removes the file.
func (t *texts) close() {
	if t.file != nil {
		t.file.Close()
	}
	if t.name != "" {
		_ = os.Remove(t.name)
	}
}
