-- Hits wait in the journal as one value per commit instead of six arrays.

ALTER TABLE tracking_batches ADD COLUMN packed bytea;
ALTER TABLE tracking_batches ALTER COLUMN packed SET STORAGE EXTERNAL;

-- What was acknowledged and not folded yet goes along.
UPDATE tracking_batches AS batch
   SET packed = (SELECT string_agg(uuid_send(campaign_activity_id) || uuid_send(contact_id)
                                   || int8send((extract(epoch FROM created_at) * 1000000)::bigint)
                                   || int8send(coalesce(url_id, 0))
                                   || int2send((256 * coalesce(array_position(ARRAY['computer', 'mobile', 'tablet', 'other'],
                                                                              device_type), 0)
                                                + coalesce(array_position(ARRAY['honeypot', 'proxy', 'scanner'], sign),
                                                           0))::smallint),
                                   ''::bytea ORDER BY number)
                   FROM unnest(batch.campaign_activity_ids, batch.contact_ids, batch.created_ats, batch.device_types,
                               batch.url_ids, batch.signs) WITH ORDINALITY
                     AS hit (campaign_activity_id, contact_id, created_at, device_type, url_id, sign, number));

ALTER TABLE tracking_batches
    ALTER COLUMN packed SET NOT NULL,
    DROP COLUMN campaign_activity_ids,
    DROP COLUMN contact_ids,
    DROP COLUMN created_ats,
    DROP COLUMN device_types,
    DROP COLUMN url_ids,
    DROP COLUMN signs;

ALTER TABLE tracking_batches SET (toast_tuple_target = 8160);
