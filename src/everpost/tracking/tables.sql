-- Tracking: what happened to each message. Ids of contacts and campaign activities come from above and carry no foreign
-- key: they ride inside signed links, and the ledger outlives whatever they point to.

-- url_id is unique server-wide because programs that talk to the API use it as a name of its own.
CREATE SEQUENCE link_url_ids AS bigint;

CREATE TABLE links (
    account_id           uuid   NOT NULL,
    campaign_activity_id uuid   NOT NULL,
    url_id               bigint NOT NULL DEFAULT nextval('link_url_ids'),
    url                  text   NOT NULL,       -- exactly as authored, before personalisation
    url_hash             bytea  NOT NULL,       -- identity within the activity: 1,005 characters may not fit into an index
    position             integer NOT NULL,      -- order of first appearance in the HTML
    is_honeypot          boolean NOT NULL DEFAULT false,   -- hidden from people: who asks for it is a machine
    unique_clicks        integer NOT NULL DEFAULT 0,       -- rows of link_clicks
    list_id              uuid,                  -- the contact list that whoever clicks it joins; NULL: none
    stands_for_open      boolean NOT NULL DEFAULT false,   -- its mail has no pixel: each click is an open too
    PRIMARY KEY (account_id, campaign_activity_id, url_id),
    UNIQUE (account_id, campaign_activity_id, url_hash)
) WITH (fillfactor = 70);

-- One row per contact that a mail was sent to, whatever became of it.
CREATE TABLE sends (
    account_id           uuid        NOT NULL,
    campaign_activity_id uuid        NOT NULL,
    contact_id           uuid        NOT NULL,
    sent_at              timestamptz NOT NULL,
    email_address        text        NOT NULL,  -- as used for this send; the contact's may change afterwards
    PRIMARY KEY (account_id, campaign_activity_id, contact_id)
);
CREATE INDEX sends_newest ON sends (account_id, campaign_activity_id, sent_at, contact_id);

-- Campaign activities that went out to somebody, for rules about "the last five campaigns".
CREATE TABLE sent_activities (
    account_id           uuid        NOT NULL,
    campaign_activity_id uuid        NOT NULL,
    campaign_id          uuid        NOT NULL,
    sent_at              timestamptz NOT NULL,  -- the last time
    PRIMARY KEY (account_id, campaign_activity_id)
);

-- Opens and clicks that were acknowledged and are not in the other tables yet; usually empty, at most seconds old.
-- One row per commit, because recipients wait for it.
CREATE TABLE tracking_batches (
    account_id           uuid        NOT NULL,
    batch_id             uuid        NOT NULL,  -- a hit's event id is this one with the hit's number as last two bytes
    written_at           timestamptz NOT NULL,
    hits                 integer     NOT NULL,  -- how many
    packed               bytea       NOT NULL,  -- 50 bytes each, as hits.py has it
    PRIMARY KEY (account_id, batch_id)
) WITH (toast_tuple_target = 8160);     -- short-lived: only what does not fit into a page is stored elsewhere
ALTER TABLE tracking_batches ALTER COLUMN packed SET STORAGE EXTERNAL;     -- ids do not compress

-- Every single thing that happened. Its key is the order in which reports page through it.
CREATE TABLE tracking_events (
    account_id           uuid        NOT NULL,
    campaign_activity_id uuid        NOT NULL,
    kind                 text        NOT NULL CHECK (kind IN ('open', 'click', 'optout', 'bounce', 'forward', 'abuse')),
    created_at           timestamptz NOT NULL,
    event_id             uuid        NOT NULL,  -- an open that was inferred from a click has the click's
    contact_id           uuid        NOT NULL,
    url_id               bigint,                -- clicks only
    device_type          text CHECK (device_type IN ('computer', 'mobile', 'tablet', 'other')),   -- NULL: not captured
    bounce_code          text CHECK (bounce_code IN ('B', 'D', 'F', 'S', 'V', 'X', 'Z')),
    reason               text,                  -- opt-outs: what the contact gave as reason
    is_machine           boolean     NOT NULL DEFAULT false,     -- kept, and left out of every report and counter
    -- What speaks against a person: the hidden link, or the name that a program gave. A name alone takes nothing out.
    sign                 text CHECK (sign IN ('honeypot', 'proxy', 'scanner')),
    PRIMARY KEY (account_id, campaign_activity_id, kind, created_at, event_id)
);
-- A contact's own history; also what the rules about machines look at.
CREATE INDEX tracking_events_contact ON tracking_events (account_id, contact_id, created_at);
-- These happen once per contact and activity, however often they are reported.
CREATE UNIQUE INDEX tracking_events_once ON tracking_events (account_id, campaign_activity_id, kind, contact_id)
    WHERE kind IN ('optout', 'bounce', 'abuse');

-- What one contact did with one mail: decides what is "first" and "unique", and answers segments without the events.
-- No index knows what a repeated open changes, so that it stays within its page (fillfactor leaves it room).
CREATE TABLE engagement (
    account_id           uuid        NOT NULL,
    campaign_activity_id uuid        NOT NULL,
    contact_id           uuid        NOT NULL,
    opens                integer     NOT NULL DEFAULT 0,
    clicks               integer     NOT NULL DEFAULT 0,
    forwards             integer     NOT NULL DEFAULT 0,
    machine_clicks       integer     NOT NULL DEFAULT 0,
    first_opened_at      timestamptz,
    last_opened_at       timestamptz,
    first_clicked_at     timestamptz,
    last_clicked_at      timestamptz,
    honeypot_at          timestamptz,           -- when its hidden link was requested last
    first_open_id        uuid,                  -- equals first_click_id where the open was inferred from the click
    last_open_id         uuid,                  -- the event that stands in the report of unique opens
    first_click_id       uuid,
    PRIMARY KEY (account_id, campaign_activity_id, contact_id)
) WITH (fillfactor = 80);

-- Who opened and who clicked, without a look at the rows: a segment asks several campaigns at once.
CREATE INDEX engagement_opened ON engagement (account_id, campaign_activity_id, contact_id)
    WHERE first_opened_at IS NOT NULL;
CREATE INDEX engagement_clicked ON engagement (account_id, campaign_activity_id, contact_id)
    WHERE first_clicked_at IS NOT NULL;

CREATE TABLE link_clicks (
    account_id           uuid   NOT NULL,
    campaign_activity_id uuid   NOT NULL,
    contact_id           uuid   NOT NULL,
    url_id               bigint NOT NULL,
    PRIMARY KEY (account_id, campaign_activity_id, contact_id, url_id)
);

-- The numbers of the reports, moved in the transaction of the event; recount.py says what they must be.
CREATE TABLE activity_counters (
    account_id           uuid    NOT NULL,
    campaign_activity_id uuid    NOT NULL,
    sends                integer NOT NULL DEFAULT 0,
    opens                integer NOT NULL DEFAULT 0,     -- contacts; the five below count events
    opens_computer       integer NOT NULL DEFAULT 0,
    opens_mobile         integer NOT NULL DEFAULT 0,
    opens_tablet         integer NOT NULL DEFAULT 0,
    opens_other          integer NOT NULL DEFAULT 0,
    opens_none           integer NOT NULL DEFAULT 0,     -- no device was captured
    clicks               integer NOT NULL DEFAULT 0,     -- contacts; the five below count events
    clicks_computer      integer NOT NULL DEFAULT 0,
    clicks_mobile        integer NOT NULL DEFAULT 0,
    clicks_tablet        integer NOT NULL DEFAULT 0,
    clicks_other         integer NOT NULL DEFAULT 0,
    clicks_none          integer NOT NULL DEFAULT 0,
    optouts              integer NOT NULL DEFAULT 0,
    forwards             integer NOT NULL DEFAULT 0,     -- contacts
    abuse                integer NOT NULL DEFAULT 0,
    bounces_nonexistent_address integer NOT NULL DEFAULT 0,     -- B
    bounces_undeliverable integer NOT NULL DEFAULT 0,    -- D
    bounces_mailbox_full integer NOT NULL DEFAULT 0,     -- F
    bounces_suspended    integer NOT NULL DEFAULT 0,     -- S
    bounces_vacation     integer NOT NULL DEFAULT 0,     -- V
    bounces_other        integer NOT NULL DEFAULT 0,     -- X
    bounces_blocked      integer NOT NULL DEFAULT 0,     -- Z
    opens_proxy          integer NOT NULL DEFAULT 0,     -- of the opens above: events with this sign
    opens_scanner        integer NOT NULL DEFAULT 0,
    opens_left_out       integer NOT NULL DEFAULT 0,     -- beside them: events of machines
    clicks_proxy         integer NOT NULL DEFAULT 0,
    clicks_scanner       integer NOT NULL DEFAULT 0,
    clicks_left_out      integer NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, campaign_activity_id)
) WITH (fillfactor = 20);       -- a row that changes hundreds of times a second needs room beside it
