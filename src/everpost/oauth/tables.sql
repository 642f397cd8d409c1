CREATE TABLE apps (
    client_id uuid PRIMARY KEY,
    account_id uuid,
    developer_id uuid,
    name text NOT NULL,
    public_name text NOT NULL,
    description text NOT NULL,
    logo_url text,
    website text,
    support_url text,
    support_email text,
    visibility text NOT NULL CHECK (visibility IN ('private', 'public')),
    is_approved boolean NOT NULL,
    is_partner_app boolean NOT NULL,
    kind text NOT NULL CHECK (kind IN ('web', 'pkce', 'device')),
    refresh_token_type text NOT NULL CHECK (refresh_token_type IN ('rotating', 'long_lived')),
    state text NOT NULL CHECK (state IN ('active', 'deactivated', 'deleted')),
    redirect_uris text[] NOT NULL,
    sealed_secret bytea,
    secret_created_at timestamptz,
    built_in text UNIQUE,
    rate_per_second integer,
    rate_per_day integer,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX apps_by_developer_name ON apps (developer_id, lower(name)) WHERE state <> 'deleted';
COMMENT ON TABLE apps IS 'Programs that may ask for access. @citus:local';
COMMENT ON COLUMN apps.account_id IS 'Whose app it is; empty for those made by the operator.';
COMMENT ON COLUMN apps.developer_id IS 'The person who registered it; empty for those made by the operator.';
COMMENT ON COLUMN apps.visibility IS 'private: only people of account_id may allow it.';
COMMENT ON COLUMN apps.is_approved IS 'Until the operator approves it, where that is asked for, an app stays private.';
COMMENT ON COLUMN apps.rate_per_second IS 'Limits of its own; empty follows the settings, 0 is none.';
COMMENT ON COLUMN apps.sealed_secret IS 'Encrypted, not hashed: webhook signatures use the secret as their key.';
COMMENT ON COLUMN apps.built_in IS 'Names an app every installation has one of, such as command_line.';

CREATE TABLE signing_keys (
    kid text PRIMARY KEY,
    sealed_private_key bytea NOT NULL,
    public_key jsonb NOT NULL,
    is_current boolean NOT NULL,
    created_at timestamptz NOT NULL,
    retired_at timestamptz
);
CREATE UNIQUE INDEX signing_keys_one_current ON signing_keys (is_current) WHERE is_current;
COMMENT ON TABLE signing_keys IS 'RSA keys of access tokens; a retired one stays published for 48 hours. @citus:local';

CREATE TABLE grants (
    grant_id uuid PRIMARY KEY,
    client_id uuid NOT NULL REFERENCES apps,
    user_id uuid NOT NULL,
    account_id uuid NOT NULL,
    scopes text[] NOT NULL,
    nonce text,
    auth_time timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX grants_by_user ON grants (user_id, client_id);
CREATE INDEX grants_by_app ON grants (client_id);
COMMENT ON TABLE grants IS
    'One authorization a person gave an app: the chain that its code, refresh tokens and access tokens hang on. @citus:local';

CREATE TABLE consents (
    user_id uuid NOT NULL,
    client_id uuid NOT NULL REFERENCES apps,
    scopes text[] NOT NULL,
    given_at timestamptz NOT NULL,
    last_used_at timestamptz,
    PRIMARY KEY (user_id, client_id, scopes)
);
CREATE INDEX consents_by_app ON consents (client_id);
COMMENT ON TABLE consents IS 'Sets of scopes a person has allowed an app, sorted, so that they are not asked again. @citus:local';

CREATE TABLE authorization_codes (
    code_hash bytea PRIMARY KEY,
    grant_id uuid NOT NULL REFERENCES grants ON DELETE CASCADE,
    redirect_uri text NOT NULL,
    code_challenge text,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX authorization_codes_by_expiry ON authorization_codes (expires_at);
COMMENT ON TABLE authorization_codes IS 'Kept for a while after use, so that a second use is noticed. @citus:local';

CREATE TABLE refresh_tokens (
    token_hash bytea PRIMARY KEY,
    grant_id uuid NOT NULL REFERENCES grants ON DELETE CASCADE,
    expires_at timestamptz NOT NULL,
    rotated_at timestamptz,
    issued_at timestamptz NOT NULL,
    last_used_at timestamptz
);
CREATE INDEX refresh_tokens_by_grant ON refresh_tokens (grant_id);
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at);
COMMENT ON TABLE refresh_tokens IS 'Kept after rotation, so that a second use is noticed as theft. @citus:local';

CREATE TABLE revoked_tokens (
    jti text PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
CREATE INDEX revoked_tokens_by_expiry ON revoked_tokens (expires_at);
COMMENT ON TABLE revoked_tokens IS 'Single access tokens that were revoked before they ran out. @citus:local';

CREATE TABLE device_codes (
    code_hash bytea PRIMARY KEY,
    user_code_hash bytea NOT NULL UNIQUE,
    client_id uuid NOT NULL REFERENCES apps,
    scopes text[] NOT NULL,
    state text NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'consumed')),
    grant_id uuid REFERENCES grants ON DELETE CASCADE,
    interval_seconds integer NOT NULL,
    polled_at timestamptz,
    expires_at timestamptz NOT NULL
);
CREATE INDEX device_codes_by_expiry ON device_codes (expires_at);
COMMENT ON TABLE device_codes IS 'Devices that wait for a person to allow them, kept for a day. @citus:local';
COMMENT ON COLUMN device_codes.user_code_hash IS 'Keyed, because eight letters could be guessed from a plain hash.';
