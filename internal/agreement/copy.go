package agreement

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/kofo-network/kofo/htlc"
)

// CopySuffix ends the name of a copy of signed Terms, after the swap's id.
const CopySuffix = ".kofo-terms"

// ErrCopy is returned for a file that is no copy of the Terms of its name.
var ErrCopy = errors.New("not a copy of the terms of this swap")

// CopyPath is where WriteTermsCopy puts the copy of a swap.
func CopyPath(dir string, swap htlc.SwapID) string {
	return filepath.Join(dir, swap.String()+CopySuffix)
}

// WriteTermsCopy puts signed Terms into a folder outside the database, so that
// the seed and the copy are enough to find everything again. When it returns,
// the file is whole and on the disk. An intact copy is left as it is. Terms
// that not all have signed are refused: such a copy would be worth nothing.
func WriteTermsCopy(dir string, signed htlc.SignedTerms) error {
	if err := signed.Verify(); err != nil {
		return fmt.Errorf("copy of the terms: %w", err)
	}
	text := signed.Text()
	if old, err := ReadTermsCopy(dir, signed.Terms.ID()); err == nil && old.Text() == text {
		return syncDir(dir) // an earlier call may have died before this
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("folder for copies of terms: %w", err)
	}
	temp, err := os.CreateTemp(dir, ".terms-*") // mode 0600
	if err != nil {
		return fmt.Errorf("copy of the terms: %w", err)
	}
	// After the rename the name is gone already.
	defer func() { _ = os.Remove(temp.Name()) }()
	_, err = temp.WriteString(text + "\n")
	if err := errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return fmt.Errorf("copy of the terms: %w", err)
	}
	if err := os.Rename(temp.Name(), CopyPath(dir, signed.Terms.ID())); err != nil {
		return fmt.Errorf("copy of the terms: %w", err)
	}
	return syncDir(dir)
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

// ReadTermsCopy reads the copy of a swap and checks it: intact, of this swap,
// valid, signed by all.
func ReadTermsCopy(dir string, swap htlc.SwapID) (htlc.SignedTerms, error) {
	file, err := os.Open(CopyPath(dir, swap))
	if err != nil {
		return htlc.SignedTerms{}, fmt.Errorf("copy of the terms: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(file, htlc.MaxTextLen+2))
	if err := errors.Join(err, file.Close()); err != nil {
		return htlc.SignedTerms{}, fmt.Errorf("copy of the terms: %w", err)
	}
	signed, err := htlc.ParseSignedTerms(string(text))
	if err != nil {
		return signed, fmt.Errorf("%w: %w", ErrCopy, err)
	}
	if signed.Terms.ID() != swap {
		return signed, fmt.Errorf("%w: it is of swap %s", ErrCopy, signed.Terms.ID())
	}
	return signed, nil
}
