package wallet

import "fmt"

// inputError is a sentinel that a person can cause. Reason is stable: clients
// and the documentation refer to it.
type inputError struct{ reason, text string }

func (e *inputError) Error() string { return e.text }

// Reason is the stable code of the error.
func (e *inputError) Reason() string { return e.reason }

// Errors that a person can cause. Each has a method Reason() string, which
// errors.As finds through any wrapping.
var (
	ErrWordCount = &inputError{"SEED_WORD_COUNT", "a seed has 12, 15, 18, 21 or 24 words"}
	ErrWord      = &inputError{"SEED_WORD_UNKNOWN", "not a word of the BIP-39 English list"}
	ErrChecksum  = &inputError{"SEED_CHECKSUM", "the words do not belong together: one is wrong or two are swapped"}

	ErrSeedExists  = &inputError{"SEED_FILE_EXISTS", "the seed file exists and is not overwritten"}
	ErrSeedMissing = &inputError{"SEED_FILE_MISSING", "there is no seed file"}
	ErrSeedDamaged = &inputError{"SEED_FILE_DAMAGED", "the seed file is damaged or was altered"}
	ErrSeedVersion = &inputError{"SEED_FILE_VERSION", "the seed file was written by a newer version"}

	ErrPassphraseWrong = &inputError{"SEED_PASSPHRASE_WRONG", "wrong passphrase"}
	ErrPassphraseWeak  = &inputError{"SEED_PASSPHRASE_WEAK", fmt.Sprintf("a passphrase has at least %d characters", MinPassphrase)}
	ErrLockKind        = &inputError{"SEED_LOCK_KIND", "the seed file is locked in another way"}

	ErrKeyFileWrong   = &inputError{"SEED_KEY_FILE_WRONG", "the key file does not open the seed file"}
	ErrKeyFileExists  = &inputError{"SEED_KEY_FILE_EXISTS", "the key file exists and is not overwritten"}
	ErrKeyFileMissing = &inputError{"SEED_KEY_FILE_MISSING", "there is no key file"}
	ErrKeyFileInvalid = &inputError{"SEED_KEY_FILE_INVALID", "not a key file: exactly one age identity is expected"}
	ErrKeyFileExposed = &inputError{"SEED_KEY_FILE_EXPOSED", "others than the owner may read the key file"}
)

// WordError tells which word of a seed is not in the list. It satisfies
// errors.Is(err, ErrWord).
type WordError struct {
	// Position counts from 1.
	Position int
	// Word is empty where showing it might show its neighbours too.
	Word string
}

func (e *WordError) Error() string {
	if e.Word == "" {
		return fmt.Sprintf("word %d is %s", e.Position, ErrWord.text)
	}
	return fmt.Sprintf("word %d, %q, is %s", e.Position, e.Word, ErrWord.text)
}

// Unwrap returns ErrWord.
func (e *WordError) Unwrap() error { return ErrWord }
