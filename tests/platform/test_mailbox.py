from uuid import UUID

from everpost.ids import AccountId, new_id
from everpost.platform import config, mailbox
from everpost.platform.db import Db
from everpost.platform.mailbox import NewMail


def mail(number: int, account_id: AccountId | None = None) -> NewMail:
    subject = f"Number {number}"
    return NewMail(account_id, "shop@example.com", f"reader{number}@example.org", subject, f"{subject}\n".encode())


async def subjects(db: Db, account_id: AccountId | None = None, *, search: str = "", number: int = 1) -> list[str]:
    async with db.reader() as conn:
        page = await mailbox.page(conn, account_id, search=search, number=number)
    return [each.subject for each in page.mails]


async def append(db: Db, *mails: NewMail) -> None:
    async with db.transaction() as conn:
        await mailbox.append(conn, mails)


async def test_the_newest_mail_comes_first(db: Db) -> None:
    await append(db, mail(1), mail(2))
    await append(db, mail(3))
    assert await subjects(db) == ["Number 3", "Number 2", "Number 1"]


async def test_a_page_holds_fifty_and_tells_how_many_there_are(db: Db) -> None:
    await append(db, *[mail(number) for number in range(120)])
    async with db.reader() as conn:
        last = await mailbox.page(conn, None, number=99)
    assert (last.number, last.last_number, last.total, len(last.mails)) == (3, 3, 120, 20)
    assert await subjects(db, number=3) == [f"Number {number}" for number in range(19, -1, -1)]


async def test_the_oldest_are_forgotten(db: Db) -> None:
    config.override(mailbox_keep=100)
    for start in range(0, 250, 50):
        await append(db, *[mail(number) for number in range(start, start + 50)])
    async with db.reader() as conn:
        kept = await mailbox.page(conn, None)
    assert (kept.total, kept.mails[0].subject) == (100, "Number 249")
    assert await subjects(db, search="Number 149") == []


async def test_a_search_looks_at_recipients_senders_and_subjects_and_takes_signs_literally(db: Db) -> None:
    await append(db, mail(7), NewMail(None, "a@example.com", "b@example.com", "100 % off_now", b""))
    assert await subjects(db, search="READER7") == ["Number 7"]
    assert await subjects(db, search="shop@") == ["Number 7"]
    assert await subjects(db, search="100 % off_") == ["100 % off_now"]
    assert await subjects(db, search="%") == ["100 % off_now"]
    assert await subjects(db, search="r_ader7") == []


async def test_an_account_sees_finds_and_deletes_only_its_own(db: Db) -> None:
    mine, theirs = AccountId(new_id()), AccountId(new_id())
    await append(db, mail(1, mine), mail(2, theirs), mail(3))
    assert await subjects(db, mine) == ["Number 1"]
    async with db.transaction() as conn:
        foreign = (await mailbox.page(conn, theirs)).mails[0].mail_id
        assert await mailbox.find(conn, mine, foreign) is None
        assert await mailbox.delete_all(conn, mine) == 1
    assert await subjects(db) == ["Number 3", "Number 2"]


async def test_a_mail_is_found_with_its_whole_content(db: Db) -> None:
    await append(db, mail(5))
    async with db.reader() as conn:
        listed = (await mailbox.page(conn, None)).mails[0]
        found = await mailbox.find(conn, None, listed.mail_id)
        nobody = await mailbox.find(conn, None, UUID(int=0))
    assert found is not None
    assert (found.content, listed.size_bytes, nobody) == (b"Number 5\n", 9, None)


async def test_thousands_arrive_at_once(db: Db) -> None:
    await append(db, *[mail(number) for number in range(5_000)])
    async with db.reader() as conn:
        assert (await mailbox.page(conn, None)).total == 5_000
