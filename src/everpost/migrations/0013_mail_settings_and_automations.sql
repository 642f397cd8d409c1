-- What the pages of recipients offer, what their friends get, and mails that go by themselves.

-- What an account's mails and their pages offer; an account without a row has the defaults.
CREATE TABLE mail_settings (
    account_id         uuid    NOT NULL PRIMARY KEY,
    has_comment_box    boolean NOT NULL DEFAULT false,     -- asks for a reason after unsubscribing
    has_forward_link   boolean NOT NULL DEFAULT false,
    has_profile_link   boolean NOT NULL DEFAULT true,
    privacy_policy_url text    NOT NULL DEFAULT '',
    data_notice_url    text    NOT NULL DEFAULT '',
    visible_list_ids   uuid[]  NOT NULL DEFAULT '{}'       -- lists that recipients see and may join or leave
);

-- What was written of an activity whose mails can be forwarded, for the copies that friends get.
CREATE TABLE forwardable_contents (
    account_id           uuid NOT NULL,
    campaign_activity_id uuid NOT NULL,
    html                 text NOT NULL,
    preheader            text NOT NULL,
    PRIMARY KEY (account_id, campaign_activity_id)
);

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
