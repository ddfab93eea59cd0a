package wallet

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// writeNew makes the file appear whole or not at all, and fails with
// fs.ErrExist where the name is taken.
func writeNew(path string, content []byte) error {
	// A hard link, unlike a rename, never replaces.
	return publish(path, content, os.Link)
}

// replace makes the new content take the place of the old in one step.
func replace(path string, content []byte) error {
	return publish(path, content, os.Rename)
}

func publish(path string, content []byte, move func(from, to string) error) (err error) {
	dir := filepath.Dir(path)
	temp, err := os.CreateTemp(dir, "."+filepath.Base(path)+".tmp-*") // mode 0600
	if err != nil {
		return fmt.Errorf("make temporary file: %w", err)
	}
	// After a rename the name is gone already.
	defer func() { _ = os.Remove(temp.Name()) }()
	_, err = temp.Write(content)
	if err := errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return fmt.Errorf("write temporary file: %w", err)
	}
	if err := move(temp.Name(), path); err != nil {
		return fmt.Errorf("put file in place: %w", err)
	}
	return syncDir(dir)
}

// syncDir makes the new name survive a power cut.
func syncDir(dir string) error {
	handle, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	if err := errors.Join(handle.Sync(), handle.Close()); err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return nil
}
