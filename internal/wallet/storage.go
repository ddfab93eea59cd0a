package wallet

// StorageKeys protect what a node stores. They sign and spend nothing, and are
// what a node without a seed is given by the process that has it.
type StorageKeys struct {
	redact
	seal, recovery Key
}

// Storage derives the keys of the node's store and of its copies and backups.
func (k *Keys) Storage() (StorageKeys, error) {
	raw, err := k.derive(labelSeal, nil)
	if err != nil {
		return StorageKeys{}, err
	}
	defer clear(raw)
	recovery, err := k.Purpose(PurposeRecovery)
	if err != nil {
		return StorageKeys{}, err
	}
	return NewStorageKeys([derivedSize]byte(raw), recovery.Reveal()), nil
}

// NewStorageKeys takes keys that Storage has derived elsewhere.
func NewStorageKeys(seal, recovery [derivedSize]byte) StorageKeys {
	return StorageKeys{seal: Key{b: hide(&seal)}, recovery: Key{b: hide(&recovery)}}
}

// Sealer encrypts what the node stores and nobody else may read.
func (s StorageKeys) Sealer() (*Sealer, error) {
	raw := s.seal.Reveal()
	defer clear(raw[:])
	return newSealer(raw[:])
}

// Recovery is the key of copies and backups.
func (s StorageKeys) Recovery() Key { return s.recovery }

// Reveal returns both keys, for the process that hands them on.
func (s StorageKeys) Reveal() (seal, recovery [derivedSize]byte) {
	return s.seal.Reveal(), s.recovery.Reveal()
}
