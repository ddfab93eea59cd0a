-- Withdrawals that divide the wallet's own coins.

-- +goose Up

-- Into how many coins of the amount each; 0 for a payment.
ALTER TABLE withdrawals ADD COLUMN parts BIGINT NOT NULL DEFAULT 0 CHECK (parts >= 0);
