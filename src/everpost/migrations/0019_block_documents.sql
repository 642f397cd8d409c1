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
