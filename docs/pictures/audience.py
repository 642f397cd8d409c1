"""What marketers see of their audience: contacts, lists and segments."""

from uuid import uuid4

from pictures.tour import Tour


class Audience(Tour):
    """Tours of it."""

    def segments(self) -> None:
        self.segment()
        self.page.goto("/segments")

    def segment(self) -> None:
        self.enter("/login?next=/segments/new")
        self.page.get_by_label("Another condition, about").select_option("Lists")
        self.page.get_by_role("button", name="Add").click()
        self.page.get_by_role("group", name="Lists").get_by_role("checkbox").first.check()
        self.page.get_by_label("Another condition, about").select_option("Joined")
        self.page.get_by_role("button", name="Add").click()
        self.page.get_by_label("Value").fill("90")
        self.page.get_by_role("button", name="Remove condition 1").click()
        self.page.get_by_label("Name", exact=True).fill(f"New on the list {uuid4().hex[:4]}")
        self.page.get_by_role("button", name="Save").click()
        self.page.get_by_text("Who matches now").wait_for()

    def segment_new(self) -> None:
        self.enter("/login?next=/segments/new")
        self.page.get_by_label("Another condition, about").select_option("Permission")
        self.page.get_by_role("button", name="Add").click()
        self.page.get_by_label("Name", exact=True).fill("Readers who may be mailed")
        self.page.get_by_role("button", name="Save", exact=True).click()
        self.page.get_by_text("Tick at least one.").wait_for()

    def contacts(self) -> None:
        self.enter("/login?next=/contacts")

    def contact_edit(self) -> None:
        self.contacts()
        self.page.get_by_role("link", name="@reader.example").first.click()
        self.page.get_by_role("link", name="Edit", exact=True).click()

    def contact_new(self) -> None:
        self.enter("/login?next=/contacts/new")

    def contact_export(self) -> None:
        self.contacts()
        self.page.get_by_role("link", name="Export").click()

    def lists(self) -> None:
        self.enter("/login?next=/lists")
