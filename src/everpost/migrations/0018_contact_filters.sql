-- Indexes for the filters of GET /contacts that had to look at every contact.
CREATE INDEX contacts_held ON contacts (account_id, permission_to_send, created_at, contact_id)
    WHERE permission_to_send IS NULL
       OR permission_to_send IN ('not_set', 'pending_confirmation', 'temp_hold', 'unsubscribed');
CREATE INDEX contacts_opted_out ON contacts (account_id, opt_out_date) WHERE opt_out_date IS NOT NULL;
CREATE INDEX contacts_updated ON contacts USING brin (account_id, updated_at)
    WITH (pages_per_range = 64);

-- The moment of a consent in a form that the official programs read: without the blank before the offset.
UPDATE sms_consent_history
   SET history_details = jsonb_set(history_details, '{consent_action_time}',
                                   to_jsonb(replace(history_details ->> 'consent_action_time', ' +', '+')))
 WHERE history_details ->> 'consent_action_time' LIKE '% +____';
