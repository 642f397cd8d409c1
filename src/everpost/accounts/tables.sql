CREATE TABLE accounts (
    account_id uuid PRIMARY KEY,
    organization_name text NOT NULL,
    organization_phone text,
    website text,
    first_name text,
    last_name text,
    contact_phone text,
    country_code text,
    state_code text,
    time_zone_id text NOT NULL,
    is_time_zone_chosen boolean NOT NULL,
    last_email_id integer NOT NULL,
    billing_status text NOT NULL CHECK (billing_status IN ('Trial', 'Open', 'Canceled', 'Trial End')),
    plan_type text NOT NULL,
    trial_ends_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
COMMENT ON TABLE accounts IS 'One organisation: whose contacts, campaigns and people these are.';
COMMENT ON COLUMN accounts.first_name IS 'Of the person who owns the account, as mail footers and tags print it.';
COMMENT ON COLUMN accounts.is_time_zone_chosen IS 'False while time_zone_id only follows from the state or the country.';
COMMENT ON COLUMN accounts.trial_ends_at IS 'Empty for trials without an end, and for accounts that are none.';
COMMENT ON COLUMN accounts.last_email_id IS 'The number the newest row of account_emails got; numbers count up per account.';

CREATE TABLE account_directory (
    account_id uuid PRIMARY KEY,
    encoded_account_id text NOT NULL UNIQUE,
    status text NOT NULL CHECK (status IN ('active', 'canceled', 'disabled'))
);
COMMENT ON TABLE account_directory IS
    'What must be known of an account before its shard is known: its public id, and whether it may act. @citus:local';

CREATE TABLE account_emails (
    account_id uuid NOT NULL REFERENCES accounts,
    email_id integer NOT NULL,
    email_address text NOT NULL,
    confirmed_at timestamptz,
    confirm_source_type text CHECK (confirm_source_type IN ('SITE_OWNER', 'SUPPORT', 'FORCEVERIFY', 'PARTNER')),
    roles text[] NOT NULL,
    pending_roles text[] NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, email_id),
    CHECK ((confirmed_at IS NULL) = (confirm_source_type IS NULL)),
    CHECK (confirmed_at IS NOT NULL OR roles = '{}')
);
CREATE UNIQUE INDEX account_emails_by_address ON account_emails (account_id, lower(email_address));
COMMENT ON TABLE account_emails IS 'Addresses an account may send from once they are confirmed; never renamed, never deleted.';
COMMENT ON COLUMN account_emails.pending_roles IS 'What becomes its roles at the moment of confirmation.';

CREATE TABLE account_email_confirmations (
    account_id uuid NOT NULL,
    confirmation_id uuid NOT NULL,
    email_id integer NOT NULL,
    sent_at timestamptz NOT NULL,
    used_at timestamptz,
    PRIMARY KEY (account_id, confirmation_id),
    FOREIGN KEY (account_id, email_id) REFERENCES account_emails (account_id, email_id)
);
CREATE INDEX account_email_confirmations_by_email ON account_email_confirmations (account_id, email_id, sent_at);
COMMENT ON TABLE account_email_confirmations IS 'One row for each confirmation mail; the link in it names the row.';

CREATE TABLE physical_addresses (
    account_id uuid PRIMARY KEY REFERENCES accounts,
    address_line1 text NOT NULL,
    address_line2 text,
    address_line3 text,
    city text NOT NULL,
    state_code text,
    state_name text,
    postal_code text,
    country_code text NOT NULL,
    updated_at timestamptz NOT NULL
);
COMMENT ON TABLE physical_addresses IS 'The postal address the law wants under every campaign mail.';

CREATE TABLE users (
    user_id uuid PRIMARY KEY,
    account_id uuid NOT NULL,
    identity_id text NOT NULL UNIQUE,
    login text NOT NULL,
    email text NOT NULL,
    password_hash text NOT NULL,
    role text NOT NULL CHECK (role IN ('account_owner', 'account_manager', 'campaign_creator')),
    state text NOT NULL CHECK (state IN ('invited', 'active', 'deactivated')),
    email_confirmed_at timestamptz,
    signed_in_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX users_by_login ON users (lower(login));
CREATE UNIQUE INDEX users_by_email ON users (lower(email));
CREATE UNIQUE INDEX users_one_owner ON users (account_id) WHERE role = 'account_owner';
CREATE INDEX users_by_account ON users (account_id, created_at);
COMMENT ON TABLE users IS 'People who sign in. Found by login before their account is known. @citus:local';
COMMENT ON COLUMN users.password_hash IS 'Empty until an invited person has chosen a password.';
COMMENT ON COLUMN users.email_confirmed_at IS 'When a link in a mail, or the operator, proved that the address is theirs.';
COMMENT ON COLUMN users.identity_id IS 'The uid claim of tokens: 00u and 17 characters.';

CREATE TABLE sessions (
    token_hash bytea PRIMARY KEY,
    session_id uuid NOT NULL UNIQUE,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    address text NOT NULL,
    user_agent text NOT NULL,
    signed_in_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
COMMENT ON TABLE sessions IS 'Who is signed in with a browser. The cookie holds the token, this only its hash. @citus:local';

CREATE TABLE mail_links (
    token_hash bytea PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    purpose text NOT NULL CHECK (purpose IN ('confirm_email', 'reset_password', 'invitation')),
    expires_at timestamptz NOT NULL
);
CREATE INDEX mail_links_by_user ON mail_links (user_id, purpose);
CREATE INDEX mail_links_by_expiry ON mail_links (expires_at);
COMMENT ON TABLE mail_links IS 'Links in mails that prove who reads them; each works once. @citus:local';

CREATE TABLE second_factors (
    user_id uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    sealed_secret bytea NOT NULL,
    confirmed_at timestamptz,
    last_step bigint NOT NULL,
    recovery_hashes bytea[] NOT NULL
);
COMMENT ON TABLE second_factors IS 'The codes that some people type besides their password. @citus:local';
COMMENT ON COLUMN second_factors.last_step IS 'The half minute of the newest code that was taken: each works once.';

CREATE TABLE throttles (
    subject bytea PRIMARY KEY,
    failed_at timestamptz[] NOT NULL,
    blocked_until timestamptz,
    expires_at timestamptz NOT NULL
);
CREATE INDEX throttles_by_expiry ON throttles (expires_at);
COMMENT ON TABLE throttles IS 'Recent failures of one login, address or app; the subject is hashed. @citus:local';
COMMENT ON COLUMN throttles.failed_at IS 'Only those inside the window that is counted, so never longer than the limit.';

CREATE TABLE audit_entries (
    entry_id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    action text NOT NULL,
    account_id uuid,
    user_id uuid,
    client_id uuid,
    detail jsonb NOT NULL
);
CREATE INDEX audit_entries_by_account ON audit_entries (account_id, at);
COMMENT ON TABLE audit_entries IS
    'Who did what to the doors: sign-ins, consents, tokens, secrets. Before sign-in no account is known. @citus:local';
