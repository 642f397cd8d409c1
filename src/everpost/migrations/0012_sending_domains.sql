-- DKIM keys of each account's own domains.

-- Domains that an account sends from; what the last look at the DNS found wrong is told to people in these words.
CREATE TABLE sending_domains (
    account_id    uuid        NOT NULL,
    domain        text        NOT NULL,         -- lower case, in ASCII
    created_at    timestamptz NOT NULL,
    checked_at    timestamptz,
    spf_problem   text        NOT NULL DEFAULT '',
    dmarc_problem text        NOT NULL DEFAULT '',
    PRIMARY KEY (account_id, domain)
);

CREATE TABLE dkim_keys (
    account_id  uuid        NOT NULL,
    domain      text        NOT NULL,
    selector    text        NOT NULL,
    algorithm   text        NOT NULL CHECK (algorithm IN ('rsa-sha256', 'ed25519-sha256')),
    private_key bytea       NOT NULL,           -- PEM, sealed with the instance key
    public_key  text        NOT NULL,           -- as its record publishes it
    created_at  timestamptz NOT NULL,
    seen_at     timestamptz,                    -- in the DNS; nothing is signed with a key before
    PRIMARY KEY (account_id, domain, selector),
    FOREIGN KEY (account_id, domain) REFERENCES sending_domains (account_id, domain)
);
