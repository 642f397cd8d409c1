-- Whose message a relay's notification is about, from its Message-ID alone.

-- Across accounts on purpose: the Message-ID does not say whose it is.
CREATE INDEX mailings_of_activity ON mailings (campaign_activity_id);
