package refs

// LogsOf gives the newest accepted record of each log that a device has written in this store, ascending by tag: the
// cut-offs of a revocation, which leave valid what the device has published so far.
func (r *Refs) LogsOf(device [32]byte) []Position {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var out []Position
	for _, p := range r.fold.seenBy(Tag{}) {
		if r.fold.logs[r.fold.byTag[p.Tag]].device == device {
			out = append(out, p)
		}
	}
	return out
}
