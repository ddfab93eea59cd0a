package bus

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// maxPayload bounds one message: a block with some 20,000 facts of ours.
const maxPayload = 8 << 20

// Embedded starts a NATS server inside the process that listens on no port.
// Its stream lives in memory; dir is where JetStream keeps its bookkeeping.
// The caller shuts it down after the buses on it are closed.
func Embedded(dir string) (*server.Server, error) {
	s, err := server.NewServer(&server.Options{
		DontListen: true,
		JetStream:  true,
		StoreDir:   dir,
		SyncAlways: true,
		MaxPayload: maxPayload,
		NoSigs:     true,
		NoLog:      true,
	})
	if err != nil {
		return nil, fmt.Errorf("embedded nats server: %w", err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		s.Shutdown()
		return nil, errors.New("embedded nats server did not get ready in 10 seconds")
	}
	return s, nil
}
