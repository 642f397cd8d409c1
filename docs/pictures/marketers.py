"""What marketers see: campaigns from their making to their report, and bulk activities."""

from uuid import uuid4

from pictures.tour import Tour


class Marketers(Tour):
    """Tours of theirs."""

    def campaigns(self) -> None:
        self.enter("/login?next=/campaigns")

    def report(self) -> None:
        self.read_mails()
        self.campaigns()
        self.page.get_by_role("link", name="Arrivals in spring").click()
        self.page.locator("iframe").scroll_into_view_if_needed()

    def report_people(self) -> None:
        self.report()
        self.page.get_by_role("link", name="Clicked").click()

    def contact_activity(self) -> None:
        self.report_people()
        self.page.get_by_role("link", name="@reader.example").first.click()
        self.page.get_by_text("Everything").wait_for(state="attached")

    def activities(self) -> None:
        self.import_people()
        self.enter("/login?next=/activities")

    def activity(self) -> None:
        self.activities()
        self.page.get_by_role("link", name="Import contacts").first.click()

    def activity_cancel(self) -> None:
        self.activity()
        self.page.goto(f"{self.page.url}/cancel")

    def new_campaign(self) -> None:
        self.enter("/login?next=/campaigns/new")

    def campaign(self) -> None:
        self._draft()

    def campaign_ready(self) -> None:
        self._ready()

    def campaign_details(self) -> None:
        self._step("details")

    def campaign_content(self) -> None:
        self._step("html")

    def campaign_blocks(self) -> None:
        self.new_campaign()
        self.page.get_by_label("Name", exact=True).fill(f"Letters in blocks {uuid4().hex[:4]}")
        self.page.get_by_label("Subject").fill("Letters that smell of salt")
        self.page.get_by_role("button", name="Make the draft").click()
        self.page.goto(f"{self.page.url.partition('?')[0].removesuffix('/setup')}/content")
        self.page.locator("#edit-1 > summary").click()
        self.page.frame_locator("iframe.shown").get_by_text("write here").wait_for()

    def campaign_audience(self) -> None:
        self._step("audience")

    def campaign_subject_test(self) -> None:
        self._step("subject-test")

    def campaign_resend(self) -> None:
        self._step("resend")

    def campaign_test_mail(self) -> None:
        self._step("test-mail")

    def campaign_send(self) -> None:
        self._step("send")

    def campaign_schedule(self) -> None:
        self._step("schedule")

    def campaign_scheduled(self) -> None:
        self._step("schedule")
        if self.page.get_by_role("button", name="Schedule", exact=True).is_visible():
            self.page.get_by_role("button", name="Schedule", exact=True).click()

    def campaign_waiting(self) -> None:
        path = self._ready()
        self.page.goto(f"{path}/subject-test")
        self.page.get_by_label("Subject B").fill("Letters that smell of salt")
        self.page.get_by_role("button", name="Test two subjects").click()
        self.page.goto(f"{path}/send")
        self.page.get_by_role("button", name="Send it now").click()
        self.page.get_by_text("waits for its winner").wait_for()

    def campaign_trace(self) -> None:
        self.campaigns()
        self.page.get_by_role("link", name="Arrivals in spring").click()
        self.page.get_by_role("link", name="Who got it?").click()
        self.page.get_by_label("Why did or didn't").fill("ana.nunez@reader.example")
        self.page.get_by_role("button", name="Look").click()

    def _draft(self, *, reaches: bool = False) -> str:
        """A draft of this look's own, on its checklist; where that is."""
        path = self.instance.draft(f"Letters in summer {uuid4().hex[:4]}", reaches=reaches)
        self.enter(f"/login?next={path}")
        # The frame is loaded when somebody comes near it.
        self.page.locator("iframe").scroll_into_view_if_needed()
        self.page.frame_locator("iframe").get_by_text("Nine new arrivals").wait_for()
        self.page.evaluate("scrollTo(0, 0)")
        return path

    def _ready(self) -> str:
        return self._draft(reaches=True)

    def _step(self, name: str) -> None:
        self.page.goto(f"{self._ready()}/{name}")
