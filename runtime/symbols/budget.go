package symbols

import "time"

// budget bounds the memory for what is known of processes. All of it is theirs to choose:
// how many mappings they have, how long the lists of the code are that they made, how
// large the tables of their files are.
type budget struct {
	most, used int
	emptied    time.Time
	refused    bool // something found no room
}

const (
	// share is the part of the budget that one process's own data may take.
	share = 4
	// emptyPeriod is how often room is made at most by forgetting what can be read again:
	// to read it takes long.
	emptyPeriod = 10 * time.Second
)

// room is how much there is for a process that has taken so much already.
func (b *budget) room(taken int) int { return max(0, min(b.most-b.used, b.most/share-taken)) }

// take enters that data has grown or shrunk.
func (b *budget) take(bytes int) { b.used += bytes }

// mayEmpty reports whether it is time to forget.
func (b *budget) mayEmpty() bool {
	if time.Since(b.emptied) < emptyPeriod {
		return false
	}
	b.emptied = time.Now()
	return true
}
