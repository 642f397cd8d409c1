-- Addresses that nothing is sent to for now.

-- One row per address that some server called unknown, for all accounts alike; the row outlives its hold.
CREATE TABLE address_holds (
    address_hash bytea       NOT NULL PRIMARY KEY,     -- SHA-256 of the address in lower case
    held_until   timestamptz NOT NULL,                 -- infinity: until the operator lifts it
    noted_at     timestamptz NOT NULL
);
COMMENT ON TABLE address_holds IS '@citus:local';

-- Who called an account's mail spam is not mailed by it again, not even as a new contact.
CREATE TABLE complaint_suppressions (
    account_id    uuid        NOT NULL,
    address_hash  bytea       NOT NULL,                -- SHA-256 of the address in lower case
    complained_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, address_hash)
);
