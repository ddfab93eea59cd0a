package copies

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kofo-network/kofo/htlc"
	"github.com/kofo-network/kofo/internal/vault"
)

// Suffix ends the name of a copy.
const Suffix = ".kofo-copy"

// Folder holds copies in files.
type Folder struct {
	Dir   string
	Vault *vault.Vault
}

// Path is where the copy of a swap stands.
func (f Folder) Path(swap htlc.SwapID) string {
	return filepath.Join(f.Dir, f.Vault.Name(swap)+Suffix)
}

// Write puts a copy into the folder. When it returns, the file is whole and on
// the disk. An intact copy is left as it is.
func (f Folder) Write(c Copy) error {
	swap := c.Signed.Terms.ID()
	if old, err := f.Read(swap); err == nil && old.Signed.Text() == c.Signed.Text() && old.Self == c.Self && old.Ticket == c.Ticket && old.Note == c.Note {
		return syncDir(f.Dir) // an earlier call may have died before this
	}
	sealed, err := Seal(f.Vault, c)
	if err != nil {
		return err
	}
	return f.store(f.Path(swap), sealed)
}

func (f Folder) store(path string, sealed []byte) error {
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		return fmt.Errorf("folder for copies of terms: %w", err)
	}
	temp, err := os.CreateTemp(f.Dir, ".copy-*") // mode 0600
	if err != nil {
		return fmt.Errorf("copy of the terms: %w", err)
	}
	// After the rename the name is gone already.
	defer func() { _ = os.Remove(temp.Name()) }()
	_, err = temp.Write(sealed)
	if err := errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return fmt.Errorf("copy of the terms: %w", err)
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return fmt.Errorf("copy of the terms: %w", err)
	}
	return syncDir(f.Dir)
}

// syncDir makes a new name survive a power cut.
func syncDir(dir string) error {
	handle, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder of copies: %w", err)
	}
	if err := errors.Join(handle.Sync(), handle.Close()); err != nil {
		return fmt.Errorf("sync folder of copies: %w", err)
	}
	return nil
}

// Read reads the copy of a swap.
func (f Folder) Read(swap htlc.SwapID) (Copy, error) {
	c, err := f.readFile(f.Path(swap))
	if err == nil && c.Signed.Terms.ID() != swap {
		err = fmt.Errorf("%w: it is of swap %s", ErrContent, c.Signed.Terms.ID())
	}
	return c, err
}

func (f Folder) readFile(path string) (Copy, error) {
	file, err := os.Open(path)
	if err != nil {
		return Copy{}, fmt.Errorf("copy of the terms: %w", err)
	}
	sealed, err := io.ReadAll(io.LimitReader(file, MaxSize+1))
	if err := errors.Join(err, file.Close()); err != nil {
		return Copy{}, fmt.Errorf("copy of the terms: %w", err)
	}
	return Open(f.Vault, sealed)
}

// Found is a file of a folder, with its copy or why there is none.
type Found struct {
	Path string
	Copy Copy
	Err  error
}

// All reads every copy of the folder, in the order of their names.
func (f Folder) All() ([]Found, error) {
	paths, err := f.Paths()
	var out []Found
	for _, path := range paths {
		out = append(out, f.Look(path))
	}
	return out, err
}

// Paths are the files of the folder that may be copies, in the order of their
// names.
func (f Folder) Paths() ([]string, error) {
	entries, err := os.ReadDir(f.Dir)
	if err != nil {
		return nil, fmt.Errorf("folder of copies: %w", err)
	}
	var out []string
	for _, e := range entries {
		if !e.IsDir() && strings.HasSuffix(e.Name(), Suffix) {
			out = append(out, filepath.Join(f.Dir, e.Name()))
		}
	}
	slices.Sort(out)
	return out, nil
}

// Look reads one of Paths.
func (f Folder) Look(path string) Found {
	c, err := f.readFile(path)
	return Found{Path: path, Copy: c, Err: err}
}
