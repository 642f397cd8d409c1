-- Whoever clicks a link joins a contact list: what authors chose, and each link's list where clicks are counted.

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

ALTER TABLE links ADD COLUMN list_id uuid;
