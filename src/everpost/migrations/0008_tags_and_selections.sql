-- Tags, which an account puts on its contacts, and the contacts that a bulk activity works on.

CREATE TABLE contact_tags (
    account_id  uuid NOT NULL,
    tag_id      uuid NOT NULL,
    name        text NOT NULL,
    tag_source  text,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    deleted_at  timestamptz,
    PRIMARY KEY (account_id, tag_id)
);
CREATE UNIQUE INDEX contact_tags_name ON contact_tags (account_id, lower(name)) WHERE deleted_at IS NULL;
CREATE INDEX contact_tags_page ON contact_tags (account_id, created_at, tag_id) WHERE deleted_at IS NULL;

CREATE TABLE contact_taggings (
    account_id  uuid NOT NULL,
    tag_id      uuid NOT NULL,
    contact_id  uuid NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (account_id, tag_id, contact_id)
);
CREATE INDEX contact_taggings_contact ON contact_taggings (account_id, contact_id);

CREATE INDEX contacts_deleted ON contacts (account_id, contact_id) WHERE deleted_at IS NOT NULL;

CREATE TABLE activity_contacts (
    account_id   uuid NOT NULL,
    activity_id  uuid NOT NULL,
    chunk        integer NOT NULL,
    contact_ids  uuid[] NOT NULL,
    PRIMARY KEY (account_id, activity_id, chunk)
);
