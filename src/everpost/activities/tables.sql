-- Bulk work that outlives a request, and who is working on whose.

-- The ledger. A worker moves it in the same transaction as the work itself, so it never says more than was done.
CREATE TABLE activities (
    account_id       uuid NOT NULL,
    activity_id      uuid NOT NULL,
    kind             text NOT NULL,             -- names the work: contacts_file_import, contacts_json_import, list_delete
    state            text NOT NULL CHECK (state IN ('initialized', 'processing', 'completed', 'failed', 'timed_out',
                                                    'cancelled')),
    percent_done     smallint NOT NULL CHECK (percent_done BETWEEN 0 AND 100),
    counters         jsonb,                     -- the member `status`; NULL: the kind shows none yet
    activity_errors  jsonb NOT NULL DEFAULT '[]',       -- texts, the first 500
    errors_count     integer NOT NULL DEFAULT 0,        -- how many there were, the ones not kept included
    request          jsonb NOT NULL,            -- what was asked for, as the kind keeps it
    position         jsonb NOT NULL DEFAULT 'null',     -- how far it is, as the kind keeps it; null: nothing done yet
    file_name        text,                      -- the upload in the file storage, until the work is over
    source_file_name text,                      -- what the sender called it
    stalls           smallint NOT NULL DEFAULT 0,       -- turns in a row that brought no progress
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    started_at       timestamptz,
    completed_at     timestamptz,               -- set in the states that are final, and only there
    PRIMARY KEY (account_id, activity_id)
);
CREATE INDEX activities_page ON activities (account_id, created_at, activity_id);
CREATE INDEX activities_waiting ON activities (account_id, created_at, activity_id)
    WHERE state IN ('initialized', 'processing');

-- Whom an activity works on, settled when it begins, some thousands to a row; gone when it ends.
CREATE TABLE activity_contacts (
    account_id   uuid NOT NULL,
    activity_id  uuid NOT NULL,
    chunk        integer NOT NULL,              -- 0, 1, 2 ...: one step of the work each
    contact_ids  uuid[] NOT NULL,
    PRIMARY KEY (account_id, activity_id, chunk)
);

-- One lane per account: its activities run one at a time, in the order they came. Who holds the lease may work; the
-- fence grows with each lease, so a worker that slept through the end of its own finds out before it commits.
CREATE TABLE activity_lanes (
    account_id   uuid NOT NULL PRIMARY KEY,
    has_work     boolean NOT NULL,
    fence        bigint NOT NULL DEFAULT 0,
    leased_until timestamptz                    -- by the database's clock; NULL: free
);
CREATE INDEX activity_lanes_waiting ON activity_lanes (leased_until) WHERE has_work;
COMMENT ON TABLE activity_lanes IS '@citus:local';
