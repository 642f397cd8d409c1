-- Text messages and confirmed opt-in: channels, their history, and the mails that ask for a confirmation.

-- Where a contact can be texted: one number or none, and a number belongs to one contact, deleted ones included.
CREATE TABLE sms_channels (
    account_id           uuid NOT NULL,
    contact_id           uuid NOT NULL,
    sms_channel_id       uuid NOT NULL,         -- a new number gets a new one
    dial_code            text NOT NULL,         -- digits without +
    sms_address          text NOT NULL,         -- the national number, digits only
    country_code         text NOT NULL,
    create_source        text NOT NULL CHECK (create_source IN ('Contact', 'Account')),
    update_source        text CHECK (update_source IN ('Contact', 'Account')),
    permission           text NOT NULL CHECK (permission IN ('explicit', 'unsubscribed', 'pending_confirmation',
                                                             'not_set')),     -- for promotional_sms, the only type
    opt_in_date          timestamptz,
    opt_out_date         timestamptz,
    advertised_frequency integer,
    advertised_interval  text CHECK (advertised_interval IN ('D', 'W', 'M')),
    consent_created_at   timestamptz NOT NULL,
    consent_updated_at   timestamptz NOT NULL,
    PRIMARY KEY (account_id, contact_id)
);
CREATE UNIQUE INDEX sms_channels_number ON sms_channels (account_id, dial_code, sms_address);

-- Every change of a consent to text messages: the proof of it, never changed and never removed.
CREATE TABLE sms_consent_history (
    account_id             uuid NOT NULL,
    contact_id             uuid NOT NULL,
    sms_channel_history_id uuid NOT NULL,
    sms_channel_id         uuid NOT NULL,
    insert_time            timestamptz NOT NULL,
    history_details        jsonb NOT NULL,      -- wire-ready
    consent_medium_url     text,                -- where the person said so, and what was shown; kept, not shown
    consent_medium_details text,
    PRIMARY KEY (account_id, contact_id, sms_channel_history_id)
);

-- An account without a row has confirmed opt-in off.
CREATE TABLE consent_settings (
    account_id          uuid PRIMARY KEY,
    is_opt_in_confirmed boolean NOT NULL
);

-- One row for each mail that asks a person to confirm; the link in it names the row.
CREATE TABLE consent_confirmations (
    account_id      uuid NOT NULL,
    confirmation_id uuid NOT NULL,
    contact_id      uuid NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('opt_in', 'resubscribe')),
    email_key       text NOT NULL,              -- whom it was sent to: it proves nothing about another address
    list_ids        uuid[] NOT NULL,            -- joined with the confirmation
    opted_out_at    timestamptz,                -- resubscribe: which opt-out it takes back
    sent_at         timestamptz NOT NULL,
    used_at         timestamptz,
    PRIMARY KEY (account_id, confirmation_id)
);
CREATE INDEX consent_confirmations_contact ON consent_confirmations (account_id, contact_id, sent_at);
