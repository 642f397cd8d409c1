-- People who sign themselves up or are invited, their second factor, and the browsers in which they are signed in.

ALTER TABLE accounts ADD COLUMN billing_status text NOT NULL DEFAULT 'Open'
    CHECK (billing_status IN ('Trial', 'Open', 'Canceled', 'Trial End'));
ALTER TABLE accounts ALTER COLUMN billing_status DROP DEFAULT;
ALTER TABLE accounts ADD COLUMN plan_type text NOT NULL DEFAULT 'GOLD';
ALTER TABLE accounts ALTER COLUMN plan_type DROP DEFAULT;
ALTER TABLE accounts ADD COLUMN trial_ends_at timestamptz;

ALTER TABLE users DROP CONSTRAINT users_state_check;
ALTER TABLE users ADD CONSTRAINT users_state_check CHECK (state IN ('invited', 'active', 'deactivated'));
ALTER TABLE users ADD COLUMN email_confirmed_at timestamptz;
UPDATE users SET email_confirmed_at = created_at;
CREATE INDEX users_by_account ON users (account_id, created_at);

ALTER TABLE sessions ADD COLUMN address text NOT NULL DEFAULT '';
ALTER TABLE sessions ALTER COLUMN address DROP DEFAULT;
ALTER TABLE sessions ADD COLUMN user_agent text NOT NULL DEFAULT '';
ALTER TABLE sessions ALTER COLUMN user_agent DROP DEFAULT;

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
