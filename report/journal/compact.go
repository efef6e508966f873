package journal

func (j *Journal) wantsCompaction(r *replay, least int64) bool { return false }

func (j *Journal) compact(r *replay, openFile OpenFile) (*replay, error) { return r, nil }
