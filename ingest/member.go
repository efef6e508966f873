package ingest

import "iter"

// member is where a member of a JSON object stands in its text.
type member struct {
	before      int // the comma before it, or the brace
	key, keyEnd int // its key with the quotation marks
	from, to    int // its value
	next        int // behind the comma after it and the white space, or at the closing brace
}

// members gives the members of an object, whose text must be valid JSON, in
// the order in which they stand.
func members(text []byte) iter.Seq[member] {
	return func(yield func(member) bool) {
		m := member{}
		m.next = skipJSONSpace(text, 1)
		for text[m.next] != '}' {
			m.key = m.next
			m.keyEnd = skipString(text, m.key)
			m.from = skipJSONSpace(text, skipJSONSpace(text, m.keyEnd)+1)
			m.to = skipValue(text, m.from)
			end := skipJSONSpace(text, m.to)
			m.next = end
			if text[end] == ',' {
				m.next = skipJSONSpace(text, end+1)
			}
			if !yield(m) {
				return
			}
			m.before = end
		}
	}
}

func skipJSONSpace(text []byte, i int) int {
	for text[i] == ' ' || text[i] == '\t' || text[i] == '\r' || text[i] == '\n' {
		i++
	}
	return i
}

// skipString goes from the opening quotation mark to behind the closing one.
func skipString(text []byte, i int) int {
	for i++; text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i + 1
}

func skipValue(text []byte, i int) int {
	switch text[i] {
	case '"':
		return skipString(text, i)
	case '{', '[':
		for depth := 0; ; i++ {
			switch text[i] {
			case '"':
				i = skipString(text, i) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	}
	for class[text[i]]&(digit|letter) != 0 || text[i] == '-' || text[i] == '+' || text[i] == '.' {
		i++
	}
	return i
}
