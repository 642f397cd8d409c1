-- In a mail without a pixel each click stands for an open. Mails that are out already stay as they were counted.

ALTER TABLE links ADD COLUMN stands_for_open boolean NOT NULL DEFAULT false;
