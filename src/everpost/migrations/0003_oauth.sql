-- Applications of developers, devices without a browser, and when access was last used.

ALTER TABLE apps ADD COLUMN developer_id uuid;
ALTER TABLE apps ADD COLUMN website text;
ALTER TABLE apps ADD COLUMN support_url text;
ALTER TABLE apps ADD COLUMN support_email text;
ALTER TABLE apps ADD COLUMN visibility text NOT NULL DEFAULT 'public' CHECK (visibility IN ('private', 'public'));
ALTER TABLE apps ALTER COLUMN visibility DROP DEFAULT;
ALTER TABLE apps ADD COLUMN is_approved boolean NOT NULL DEFAULT true;
ALTER TABLE apps ALTER COLUMN is_approved DROP DEFAULT;
ALTER TABLE apps ADD COLUMN is_partner_app boolean NOT NULL DEFAULT false;
ALTER TABLE apps ALTER COLUMN is_partner_app DROP DEFAULT;
ALTER TABLE apps ADD COLUMN rate_per_second integer;
ALTER TABLE apps ADD COLUMN rate_per_day integer;
CREATE UNIQUE INDEX apps_by_developer_name ON apps (developer_id, lower(name)) WHERE state <> 'deleted';

ALTER TABLE consents ADD COLUMN last_used_at timestamptz;
CREATE INDEX consents_by_app ON consents (client_id);

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
