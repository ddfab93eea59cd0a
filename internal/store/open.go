package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/store/sqlcgen"
	"github.com/kofo-network/kofo/monitor/engine"
)

// Sealer encrypts what is stored before its time. Associated data binds the
// bytes to their row.
type Sealer interface {
	Seal(plain, associated []byte) ([]byte, error)
	Open(sealed, associated []byte) ([]byte, error)
}

// Config of a store. DSN, Party, Sealer and Log are required.
type Config struct {
	// DSN is a postgres:// URL, or the path of an SQLite file.
	DSN string
	// Party is whose data it is.
	Party  htlc.PartyID
	Sealer Sealer
	Log    *slog.Logger
	// Now stamps rows for people, and judges expiry of tokens and requests;
	// time.Now where nil.
	Now func() time.Time
	// OutcomeTimeout is how long a COMMIT without an answer is looked into
	// before the store gives up; DefaultOutcomeTimeout where zero.
	OutcomeTimeout time.Duration
}

// DefaultOutcomeTimeout outlasts a restart of the database.
const DefaultOutcomeTimeout = 2 * time.Minute

// Store is an open store. Its methods may be called concurrently.
type Store struct {
	config  Config
	dialect dialect
	writeDB *sql.DB
	readDB  *sql.DB
	w, r    *sqlcgen.Queries
	// writers are the free writers; one is taken for every transaction.
	writers chan *writer
	all     []*writer
	broken  atomic.Pointer[error]
	closing sync.Once
	closed  chan struct{}
	// ord is the last place given to an effect.
	ord atomic.Int64
	// version of the schema.
	version int64
}

var (
	_ engine.Store   = (*Store)(nil)
	_ engine.Journal = (*Store)(nil)
)

// dialect is what differs between the two databases while running.
type dialect struct {
	name    string
	writers int
	open    func(dsn string) (write, read *sql.DB, err error)
	// migrate goes up to a version, 0 for the newest, and returns it.
	migrate func(ctx context.Context, db *sql.DB, log *slog.Logger, upTo int64) (int64, error)
	// listTables and listColumns read the catalogue; the latter takes a table.
	listTables, listColumns string
	// snapshot is the isolation that shows one state to a whole transaction.
	snapshot sql.IsolationLevel
	// word is the database's own for a type in PostgreSQL's words.
	word func(string) string
	// mark reads a writer's row after every transaction that may hold it.
	mark func(ctx context.Context, s *Store, slot int64) (epoch, counter int64, err error)
}

// Open connects, migrates forward, checks whose data it is, and takes the
// store over from a process that had it open.
func Open(ctx context.Context, config Config) (*Store, error) {
	if config.DSN == "" || config.Sealer == nil || config.Log == nil || config.Party == (htlc.PartyID{}) {
		return nil, errors.New("open the store: DSN, party, sealer and log are required")
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.OutcomeTimeout == 0 {
		config.OutcomeTimeout = DefaultOutcomeTimeout
	}
	d := dialectOf(config.DSN)
	s := &Store{config: config, dialect: d, writers: make(chan *writer, d.writers), closed: make(chan struct{})}
	if err := s.open(ctx); err != nil {
		_ = s.disconnect() // the first error is the one to tell
		return nil, fmt.Errorf("open the store (%s): %w", d.name, err)
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	var err error
	if s.writeDB, s.readDB, err = s.dialect.open(s.config.DSN); err != nil {
		return err
	}
	if s.version, err = s.dialect.migrate(ctx, s.writeDB, s.config.Log, 0); err != nil {
		return err
	}
	if s.w, err = sqlcgen.Prepare(ctx, s.writeDB); err != nil {
		return fmt.Errorf("prepare queries: %w", err)
	}
	if s.r, err = sqlcgen.Prepare(ctx, s.readDB); err != nil {
		return fmt.Errorf("prepare queries: %w", err)
	}
	if err := s.claim(ctx); err != nil {
		return err
	}
	last, err := s.r.LastEffectOrd(ctx)
	if err != nil {
		return fmt.Errorf("read the last effect: %w", err)
	}
	s.ord.Store(last)
	return nil
}

// claim checks the party and makes this process the owner, all or nothing: a
// process with the wrong seed must not push out the right one.
func (s *Store) claim(ctx context.Context) error {
	tx, err := s.writeDB.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("claim the store: %w", err)
	}
	defer tx.Rollback()
	q := s.w.WithTx(tx)
	if _, err := q.ClaimNode(ctx, sqlcgen.ClaimNodeParams{Party: s.config.Party[:], CreatedAt: s.now()}); err != nil {
		return fmt.Errorf("claim the store: %w", err)
	}
	party, err := q.NodeParty(ctx)
	if err != nil {
		return fmt.Errorf("claim the store: %w", err)
	}
	if string(party) != string(s.config.Party[:]) {
		op := fmt.Sprintf("open the data of party %x with the seed of party %s", party, s.config.Party)
		return refused(ReasonWrongSeed, op, "use the seed that the data was made with, or another data directory", ErrWrongSeed)
	}
	for slot := range int64(s.dialect.writers) {
		if err := q.AddWriter(ctx, slot); err != nil {
			return fmt.Errorf("claim the store: %w", err)
		}
	}
	if err := q.RaiseEpoch(ctx); err != nil {
		return fmt.Errorf("claim the store: %w", err)
	}
	for slot := range int64(s.dialect.writers) {
		row, err := q.ReadMark(ctx, slot)
		if err != nil {
			return fmt.Errorf("claim the store: %w", err)
		}
		s.all = append(s.all, &writer{slot: slot, epoch: row.Epoch, counter: row.Counter})
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("claim the store: %w", err)
	}
	for _, w := range s.all {
		s.writers <- w
	}
	return nil
}

// Close waits for running writes and disconnects.
func (s *Store) Close() error {
	var err error
	s.closing.Do(func() {
		close(s.closed)
		for range s.all {
			<-s.writers
		}
		err = s.disconnect()
	})
	return err
}

func (s *Store) disconnect() error {
	var errs []error
	for _, q := range []*sqlcgen.Queries{s.w, s.r} {
		if q != nil {
			errs = append(errs, q.Close())
		}
	}
	for _, db := range []*sql.DB{s.readDB, s.writeDB} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// now is the time in the store's unit.
func (s *Store) now() int64 { return s.config.Now().UnixMicro() }

// Dialect names the database: "sqlite" or "postgres".
func (s *Store) Dialect() string { return s.dialect.name }

// Version is that of the schema: the number of the last migration.
func (s *Store) Version() uint32 { return uint32(s.version) }
