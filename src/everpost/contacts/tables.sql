-- Contacts, the lists they are on, and the account's own fields.
--
-- All tables belong to one account (tenant tables). Every time here is written by the program, cut to the whole second:
-- a client that sends our updated_at back as updated_after must not see the same row for ever.
-- No table has foreign keys: each costs one trigger call per imported row, several million for a large file. The actions
-- check references set-wise instead; nothing is ever removed from contacts or contact_lists (they are marked deleted).

CREATE TABLE contact_lists (
    account_id   uuid NOT NULL,
    list_id      uuid NOT NULL,
    name         text NOT NULL,
    description  text,                          -- NULL: never set, the member is left out
    favorite     boolean NOT NULL DEFAULT false,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    deleted_at   timestamptz,                   -- a deleted list stays readable and frees its name
    sequence_id  bigint,                        -- number for migrants (list_id_xrefs); given at the first look-up
    PRIMARY KEY (account_id, list_id)
);
CREATE UNIQUE INDEX contact_lists_name ON contact_lists (account_id, lower(name)) WHERE deleted_at IS NULL;
CREATE INDEX contact_lists_page ON contact_lists (account_id, created_at, list_id);
CREATE UNIQUE INDEX contact_lists_sequence ON contact_lists (account_id, sequence_id) WHERE sequence_id IS NOT NULL;

CREATE TABLE contacts (
    account_id         uuid NOT NULL,
    contact_id         uuid NOT NULL,
    email_address      text,                    -- as entered; NULL: a contact known by its name only
    email_key          text,                    -- the same trimmed and in lower case: identity within the account
    permission_to_send text CHECK (permission_to_send IN ('explicit', 'implicit', 'not_set', 'pending_confirmation',
                                                          'temp_hold', 'unsubscribed')),
    opt_in_source      text,                    -- Contact or Account: who said yes
    opt_in_date        timestamptz,
    opt_out_source     text,                    -- set exactly while unsubscribed or deleted: Contact, Account or System
    opt_out_date       timestamptz,
    opt_out_reason     text,
    confirm_status     text CHECK (confirm_status IN ('off', 'pending', 'confirmed')),
    email_created_at   timestamptz,
    email_updated_at   timestamptz,             -- moves with the address and the permission, not with other edits
    first_name         text,
    last_name          text,
    job_title          text,
    company_name       text,
    birthday_month     smallint,
    birthday_day       smallint,
    anniversary        date,
    create_source      text NOT NULL CHECK (create_source IN ('Contact', 'Account')),
    update_source      text CHECK (update_source IN ('Contact', 'Account')),        -- NULL until the first change
    source_name        text NOT NULL DEFAULT 'API',     -- for exports: API, Website sign-up form or File import
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL,
    deleted_at         timestamptz,             -- soft: keeps its address reserved and everything for a revival but lists
    custom_values      jsonb NOT NULL DEFAULT '{}',     -- {"<custom_fields.field_key>": "text" or [choice_id, ...]}
    -- Wire-ready arrays, always read and replaced together with their contact (docs/decisions/0004-contact-parts.md).
    phone_numbers      jsonb NOT NULL DEFAULT '[]',     -- [{phone_number_id, phone_number, kind, created_at, updated_at, ...}]
    street_addresses   jsonb NOT NULL DEFAULT '[]',     -- [{street_address_id, kind, street, city, ..., created_at, updated_at}]
    notes              jsonb NOT NULL DEFAULT '[]',     -- [{note_id, created_at, content}], newest first
    sequence_id        bigint,                  -- number for migrants (contact_id_xrefs); given at the first look-up
    -- THE condition for sending and for "active" counts. Whoever sends, counts or reports asks this and nothing else.
    -- confirm_status plays no part: who waits for a confirmation has permission pending_confirmation or unsubscribed.
    is_mailable        boolean NOT NULL GENERATED ALWAYS AS (
                           deleted_at IS NULL AND email_key IS NOT NULL
                           AND permission_to_send IS NOT NULL AND permission_to_send IN ('explicit', 'implicit')) STORED,
    PRIMARY KEY (account_id, contact_id),
    CHECK ((email_key IS NULL) = (permission_to_send IS NULL)),
    CHECK ((email_key IS NULL) = (email_address IS NULL))
);
CREATE UNIQUE INDEX contacts_email ON contacts (account_id, email_key);
CREATE INDEX contacts_page ON contacts (account_id, created_at, contact_id);
CREATE INDEX contacts_deleted ON contacts (account_id, contact_id) WHERE deleted_at IS NOT NULL;
-- For GET /contacts?status= of those who may not be mailed: few, so that an import of readers pays nothing for it.
CREATE INDEX contacts_held ON contacts (account_id, permission_to_send, created_at, contact_id)
    WHERE permission_to_send IS NULL
       OR permission_to_send IN ('not_set', 'pending_confirmation', 'temp_hold', 'unsubscribed');
CREATE INDEX contacts_opted_out ON contacts (account_id, opt_out_date) WHERE opt_out_date IS NOT NULL;
-- For programs that ask what has changed since their last look. By ranges of pages, not by rows: every change moves
-- updated_at, and an entry for each of them would be paid for in all indexes.
CREATE INDEX contacts_updated ON contacts USING brin (account_id, updated_at)
    WITH (pages_per_range = 64);
-- For segments that ask for a choice. Only contacts with a choice are in it (and texts with a bracket, which do no
-- harm): the values of all others would cost an import a fifth.
CREATE INDEX contacts_custom_values ON contacts USING gin (custom_values jsonb_path_ops)
    WHERE custom_values::text LIKE '%[%';
CREATE UNIQUE INDEX contacts_sequence ON contacts (account_id, sequence_id) WHERE sequence_id IS NOT NULL;

-- A deleted contact and an unsubscribing contact lose their rows here.
CREATE TABLE list_memberships (
    account_id  uuid NOT NULL,
    list_id     uuid NOT NULL,
    contact_id  uuid NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (account_id, list_id, contact_id)
);
CREATE INDEX list_memberships_contact ON list_memberships (account_id, contact_id);

CREATE TABLE contact_tags (
    account_id  uuid NOT NULL,
    tag_id      uuid NOT NULL,
    name        text NOT NULL,
    tag_source  text,                           -- where it came from, in its maker's words; never changed
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    deleted_at  timestamptz,                    -- seen by nobody, its name free; a job takes it off the contacts
    PRIMARY KEY (account_id, tag_id)
);
CREATE UNIQUE INDEX contact_tags_name ON contact_tags (account_id, lower(name)) WHERE deleted_at IS NULL;
CREATE INDEX contact_tags_page ON contact_tags (account_id, created_at, tag_id) WHERE deleted_at IS NULL;

-- A deleted contact keeps its rows here, for a revival.
CREATE TABLE contact_taggings (
    account_id  uuid NOT NULL,
    tag_id      uuid NOT NULL,
    contact_id  uuid NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (account_id, tag_id, contact_id)
);
CREATE INDEX contact_taggings_contact ON contact_taggings (account_id, contact_id);

CREATE TABLE custom_fields (
    account_id       uuid NOT NULL,
    custom_field_id  uuid NOT NULL,
    field_key        integer NOT NULL,          -- 1, 2, 3 ... per account, never used again: the key in contacts.custom_values
    label            text NOT NULL,
    name             text NOT NULL,             -- the label in lower case with _ for all but letters and digits: cf:<name>
    type             text NOT NULL CHECK (type IN ('string', 'date', 'datetime', 'number', 'currency', 'boolean',
                                                   'text_area', 'single_select', 'multi_select')),
    version          integer NOT NULL DEFAULT 1,
    metadata         jsonb,                     -- wire-ready; NULL where the type has none
    choices          jsonb,                     -- select types: [{choice_id, choice_label, display_order, created_at, updated_at}]
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    deleted_at       timestamptz,               -- keeps the key taken; a deleted field is seen by nobody
    PRIMARY KEY (account_id, custom_field_id)
);
CREATE UNIQUE INDEX custom_fields_key ON custom_fields (account_id, field_key);
CREATE UNIQUE INDEX custom_fields_label ON custom_fields (account_id, lower(label)) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX custom_fields_name ON custom_fields (account_id, name) WHERE deleted_at IS NULL;

-- Saved rules about contacts. A deleted segment keeps its row, so that its number is never given again.
CREATE TABLE segments (
    account_id       uuid           NOT NULL,
    segment_id       bigint         NOT NULL,   -- 1, 2, 3 ... per account
    name             text           NOT NULL,
    segment_criteria text           NOT NULL,   -- as it was sent, to the last blank
    created_at       timestamptz(3) NOT NULL,
    edited_at        timestamptz(3) NOT NULL,
    deleted_at       timestamptz(3),            -- stays readable and frees its name
    PRIMARY KEY (account_id, segment_id)
);
CREATE UNIQUE INDEX segments_name ON segments (account_id, lower(name)) WHERE deleted_at IS NULL;

-- Members of segments that took longer to find than a request should wait; thrown away minutes later.
CREATE TABLE segment_findings (
    account_id  uuid        NOT NULL,
    segment_id  bigint      NOT NULL,
    asked_at    timestamptz NOT NULL,
    found_at    timestamptz,                    -- NULL: a job is at it
    contact_ids uuid[],
    PRIMARY KEY (account_id, segment_id)
);

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
