package bus

import (
	"strconv"

	"github.com/nats-io/nats.go"
)

// A message that is larger than the server takes travels in parts, which
// carry the sender's number of the message, their own place and their number.
const (
	headerGroup = "Kofo-Group"
	headerPart  = "Kofo-Part"
	headerOf    = "Kofo-Of"
)

// maxMessage bounds a message that is put together from parts: a block with
// some 200,000 facts of ours.
const maxMessage = 64 << 20

// cut makes one message of raw, or several where it is larger than room.
func cut(subject string, raw []byte, room int, group uint64) []*nats.Msg {
	if len(raw) <= room {
		return []*nats.Msg{{Subject: subject, Data: raw}}
	}
	n := (len(raw) + room - 1) / room
	out := make([]*nats.Msg, 0, n)
	for i := range n {
		m := nats.NewMsg(subject)
		m.Header.Set(headerGroup, strconv.FormatUint(group, 10))
		m.Header.Set(headerPart, strconv.Itoa(i))
		m.Header.Set(headerOf, strconv.Itoa(n))
		m.Data = raw[i*room : min((i+1)*room, len(raw))]
		out = append(out, m)
	}
	return out
}

// joiner puts parts together again. Parts of one message come in order; where
// one is missing the whole message is dropped, and the engine sees a gap.
type joiner struct {
	group string
	next  int
	raw   []byte
}

// add returns a whole message, once there is one.
func (j *joiner) add(header nats.Header, data []byte) ([]byte, bool) {
	group := header.Get(headerGroup)
	if group == "" {
		j.reset("")
		return data, true
	}
	part, errPart := strconv.Atoi(header.Get(headerPart))
	of, errOf := strconv.Atoi(header.Get(headerOf))
	if errPart != nil || errOf != nil {
		j.reset("")
		return nil, false
	}
	if part == 0 {
		j.reset(group)
	}
	if group != j.group || part != j.next || part >= of || len(j.raw)+len(data) > maxMessage {
		j.reset("")
		return nil, false
	}
	j.raw = append(j.raw, data...)
	j.next++
	if j.next < of {
		return nil, false
	}
	whole := j.raw
	j.reset("")
	return whole, true
}

func (j *joiner) reset(group string) { j.group, j.next, j.raw = group, 0, nil }
