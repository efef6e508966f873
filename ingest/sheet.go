package ingest

func (r *Reader) openSheet(src *source, o Options, n *names) error { return errChanged() }
