-- Campaigns: what is sent, to whom, when, and what came of it.

-- The number that the next campaign of an account gets; one row per account, so two creates queue up behind it.
CREATE TABLE campaign_sequences (
    account_id       uuid   NOT NULL PRIMARY KEY,
    last_sequence_id bigint NOT NULL
);

-- Times are kept in milliseconds, as they are shown: a filter by a time that was read finds what it should.
CREATE TABLE campaigns (
    account_id      uuid           NOT NULL,
    campaign_id     uuid           NOT NULL,
    sequence_id     bigint         NOT NULL,
    name            text           NOT NULL,
    type_code       smallint       NOT NULL,
    status          text           NOT NULL,
    previous_status text,
    scheduled_at    timestamptz(3),
    created_at      timestamptz(3) NOT NULL,
    updated_at      timestamptz(3) NOT NULL,
    PRIMARY KEY (account_id, campaign_id),
    CONSTRAINT campaigns_status_known
        CHECK (status IN ('DRAFT', 'SCHEDULED', 'EXECUTING', 'DONE', 'ERROR', 'REMOVED')),
    CONSTRAINT campaigns_scheduled_has_a_date
        CHECK (status <> 'SCHEDULED' OR (scheduled_at IS NOT NULL AND previous_status IS NOT NULL))
);
COMMENT ON COLUMN campaigns.sequence_id IS '1, 2, 3, … per account: the number by which older clients look a campaign up.';
COMMENT ON COLUMN campaigns.type_code IS '26 custom code, 10 newsletter, 57 A/B test.';
COMMENT ON COLUMN campaigns.status IS 'Of the campaign and of its primary_email and permalink activities alike: one truth for three.';
COMMENT ON COLUMN campaigns.previous_status IS 'What unscheduling restores; set while SCHEDULED or EXECUTING.';
COMMENT ON COLUMN campaigns.scheduled_at IS 'When it is due; set while SCHEDULED or EXECUTING.';

-- A removed campaign gives its name back.
CREATE UNIQUE INDEX campaigns_name ON campaigns (account_id, lower(name)) WHERE status <> 'REMOVED';
CREATE UNIQUE INDEX campaigns_sequence ON campaigns (account_id, sequence_id);
CREATE INDEX campaigns_recent ON campaigns (account_id, updated_at DESC, campaign_id);
CREATE INDEX campaigns_due ON campaigns (scheduled_at) WHERE status IN ('SCHEDULED', 'EXECUTING');

CREATE TABLE campaign_activities (
    account_id           uuid NOT NULL,
    campaign_activity_id uuid NOT NULL,
    campaign_id          uuid NOT NULL,
    role                 text NOT NULL,
    PRIMARY KEY (account_id, campaign_activity_id),
    UNIQUE (account_id, campaign_id, role),
    FOREIGN KEY (account_id, campaign_id) REFERENCES campaigns (account_id, campaign_id),
    CONSTRAINT campaign_activities_role_known CHECK (role IN ('primary_email', 'permalink', 'resend'))
);
COMMENT ON TABLE campaign_activities IS 'The parts of a campaign that the API names. Status and content are the campaign''s.';

CREATE TABLE campaign_contents (
    account_id       uuid     NOT NULL,
    campaign_id      uuid     NOT NULL,
    format_type      smallint NOT NULL,
    from_name        text     NOT NULL,
    from_email       text     NOT NULL,
    reply_to_email   text     NOT NULL,
    subject          text     NOT NULL,
    preheader        text,
    html_content     text     NOT NULL,
    document_id      uuid,
    physical_address jsonb,
    contact_list_ids uuid[]   NOT NULL,
    segment_ids      bigint[] NOT NULL,
    PRIMARY KEY (account_id, campaign_id),
    FOREIGN KEY (account_id, campaign_id) REFERENCES campaigns (account_id, campaign_id)
);
COMMENT ON TABLE campaign_contents IS 'What the next send will say and to whom; what was said is frozen in the mailing of each run.';
COMMENT ON COLUMN campaign_contents.html_content IS 'As the author wrote it, tags unprocessed.';
COMMENT ON COLUMN campaign_contents.document_id IS 'Only for format_type 4.';
COMMENT ON COLUMN campaign_contents.physical_address IS 'Overrides the account''s address in the footer; NULL takes the account''s when it is sent.';

-- What a format 4 email is made of; the HTML in campaign_contents is rendered from it.
CREATE TABLE campaign_documents (
    account_id  uuid           NOT NULL,
    document_id uuid           NOT NULL,
    campaign_id uuid           NOT NULL,
    version     integer        NOT NULL,
    document    jsonb          NOT NULL,
    changed_at  timestamptz(3) NOT NULL,
    PRIMARY KEY (account_id, document_id),
    UNIQUE (account_id, campaign_id),
    FOREIGN KEY (account_id, campaign_id) REFERENCES campaigns (account_id, campaign_id)
);
COMMENT ON COLUMN campaign_documents.version IS '1, 2, 3, … per change; whoever changes it names the one that was read.';
COMMENT ON COLUMN campaign_documents.document IS 'Blocks and theme: block_shapes.Document.';

CREATE TABLE campaign_click_lists (
    account_id  uuid   NOT NULL,
    campaign_id uuid   NOT NULL,
    urls        text[] NOT NULL,
    list_ids    uuid[] NOT NULL,
    PRIMARY KEY (account_id, campaign_id),
    FOREIGN KEY (account_id, campaign_id) REFERENCES campaigns (account_id, campaign_id)
);
COMMENT ON TABLE campaign_click_lists IS 'Which links put whoever clicks them on a list; the two arrays are read side by side. links.list_id follows.';
COMMENT ON COLUMN campaign_click_lists.urls IS 'As authored; some may be gone from the content.';

CREATE TABLE campaign_runs (
    account_id           uuid           NOT NULL,
    campaign_activity_id uuid           NOT NULL,
    send_id              integer        NOT NULL,
    mailing_id           uuid           NOT NULL,
    contact_list_ids     uuid[]         NOT NULL,
    segment_ids          bigint[]       NOT NULL,
    run_at               timestamptz(3) NOT NULL,
    status               text           NOT NULL,
    sent_count           integer        NOT NULL,
    reason_code          smallint       NOT NULL,
    PRIMARY KEY (account_id, campaign_activity_id, send_id),
    UNIQUE (account_id, mailing_id),
    FOREIGN KEY (account_id, campaign_activity_id)
        REFERENCES campaign_activities (account_id, campaign_activity_id),
    CONSTRAINT campaign_runs_status_known CHECK (status IN ('RUNNING', 'COMPLETED', 'ERRORED'))
);
COMMENT ON TABLE campaign_runs IS 'One row per send of an activity, from its start: the send history.';
COMMENT ON COLUMN campaign_runs.send_id IS '1, 2, 3, … per activity.';
COMMENT ON COLUMN campaign_runs.mailing_id IS 'The mailing that this run hands to delivery; chosen at the start, so a resumed run opens the same one.';
COMMENT ON COLUMN campaign_runs.sent_count IS 'Recipients whom this run added: on a repeat only those who never got the activity.';
COMMENT ON COLUMN campaign_runs.reason_code IS '0 sent, 1 failed, 2 under review, 3 the account may not send, 4 too many recipients, 5 staging, 6 cancelled, 8 a link is too long, 9 a sender is not confirmed, 10 nor signed, 12 nobody to send to.';

-- Resends are named by a number that is unique server-wide.
CREATE SEQUENCE resend_request_ids AS bigint START 1001;

-- A second go at those who did not open, some time after the first send; at most one per campaign.
CREATE TABLE campaign_resends (
    account_id           uuid    NOT NULL,
    campaign_id          uuid    NOT NULL,
    campaign_activity_id uuid    NOT NULL,     -- of the role resend
    request_id           bigint,               -- what the API names it by; NULL while the campaign is a draft
    subject              text    NOT NULL,
    delay_minutes        integer NOT NULL,
    status               text    NOT NULL CHECK (status IN ('DRAFT', 'SCHEDULED', 'EXECUTING', 'DONE', 'ERROR')),
    due_at               timestamptz(3),       -- NULL until the campaign was sent
    resent_at            timestamptz(3),
    PRIMARY KEY (account_id, campaign_id),
    UNIQUE (account_id, campaign_activity_id),
    FOREIGN KEY (account_id, campaign_activity_id)
        REFERENCES campaign_activities (account_id, campaign_activity_id),
    CONSTRAINT campaign_resends_numbered CHECK ((request_id IS NULL) = (status = 'DRAFT'))
);
CREATE INDEX campaign_resends_due ON campaign_resends (due_at) WHERE status IN ('SCHEDULED', 'EXECUTING');

-- Which of two subjects is opened more: a part of the audience gets one or the other, the rest gets the winner.
CREATE TABLE campaign_ab_tests (
    account_id          uuid     NOT NULL,
    campaign_id         uuid     NOT NULL,
    alternative_subject text     NOT NULL,
    test_size           smallint NOT NULL,     -- percent of the audience per subject
    winner_wait_hours   smallint NOT NULL,
    seed                text     NOT NULL,     -- shuffles the audience, the same way whenever it is asked
    mailing_a           uuid,                  -- to the first sample; the four are set when the test begins
    mailing_b           uuid,
    mailing_rest        uuid,                  -- to everybody else; not released before there is a winner
    decide_at           timestamptz(3),
    winner              text CHECK (winner IN ('A', 'B')),
    PRIMARY KEY (account_id, campaign_id),
    FOREIGN KEY (account_id, campaign_id) REFERENCES campaigns (account_id, campaign_id)
);
CREATE INDEX campaign_ab_tests_due ON campaign_ab_tests (decide_at) WHERE winner IS NULL;
COMMENT ON COLUMN campaign_ab_tests.decide_at IS 'When the winner is found and the rest gets it; NULL when the audience was too small for a test.';

CREATE TABLE permalinks (
    permalink_id text NOT NULL PRIMARY KEY,
    account_id   uuid NOT NULL,
    campaign_id  uuid NOT NULL,
    UNIQUE (account_id, campaign_id)
);
COMMENT ON TABLE permalinks IS 'Which account a public link belongs to: the link itself names none. @citus:local';

-- Public from the first send on: a campaign that was never sent has no row.
CREATE TABLE web_copies (
    account_id  uuid           NOT NULL,
    campaign_id uuid           NOT NULL,
    html        text           NOT NULL,
    rendered_at timestamptz(3) NOT NULL,
    PRIMARY KEY (account_id, campaign_id),
    FOREIGN KEY (account_id, campaign_id) REFERENCES campaigns (account_id, campaign_id)
);
COMMENT ON COLUMN web_copies.html IS 'The whole document, without any contact''s data.';

CREATE TABLE test_send_days (
    account_id     uuid    NOT NULL,
    sent_on        date    NOT NULL,
    sent_addresses integer NOT NULL,
    PRIMARY KEY (account_id, sent_on)
);
COMMENT ON TABLE test_send_days IS 'How many addresses got test messages on a day (UTC); the allowance is counted from it.';

-- Mails that go by themselves. Its id is the activity of a welcome; each year of the others is an activity of its own.
CREATE TABLE automations (
    account_id     uuid        NOT NULL,
    automation_id  uuid        NOT NULL,
    kind           text        NOT NULL CHECK (kind IN ('welcome', 'birthday', 'anniversary')),
    is_on          boolean     NOT NULL,
    list_id        uuid,                                   -- welcome: joining it is what the mail is for
    days_before    smallint    NOT NULL DEFAULT 0 CHECK (days_before BETWEEN 0 AND 14),
    from_name      text        NOT NULL,
    from_email     text        NOT NULL,
    reply_to_email text        NOT NULL,
    subject        text        NOT NULL,
    preheader      text        NOT NULL,
    html_content   text        NOT NULL,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    PRIMARY KEY (account_id, automation_id),
    CHECK ((kind = 'welcome') = (list_id IS NOT NULL))
);
CREATE UNIQUE INDEX automations_list ON automations (account_id, list_id);
