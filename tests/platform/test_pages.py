import re

from everpost.platform import pages
from everpost.platform.pages import Html


def test_values_are_escaped() -> None:
    page = Html("message.html", title="<script>alert(1)</script>", text="a & b")
    body = pages.render(page).body.decode()
    assert "<script>" not in body
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in body
    assert "a &amp; b" in body


def test_every_page_forbids_foreign_scripts_frames_around_it_and_foreign_forms() -> None:
    headers = pages.render(pages.error(404)).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe-inline" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self';" in policy
    assert (headers["X-Frame-Options"], headers["Cache-Control"]) == ("DENY", "no-store")
    assert headers["Referrer-Policy"] == "no-referrer"


def test_a_page_may_name_where_its_form_ends_and_whose_pictures_it_shows() -> None:
    page = Html(
        "message.html",
        title="Allow?",
        text="",
        form_targets=["https://app.example"],
        image_sources=["https://logo.example"],
    )
    policy = pages.render(page).headers["Content-Security-Policy"]
    assert "form-action 'self' https://app.example;" in policy
    assert "img-src 'self' data: https://logo.example;" in policy


def test_no_shared_template_holds_inline_styles_or_scripts() -> None:
    inline = re.compile(r"<script(?! src=)|<style|\sstyle=|\son[a-z]+=", re.IGNORECASE)
    environment = pages._environment()
    assert environment.loader is not None
    for name in environment.list_templates():
        source, _, _ = environment.loader.get_source(environment, name)
        assert inline.search(source) is None, name


def test_a_form_carries_the_token_against_forgery() -> None:
    page = Html("confirm.html", title="Sure?", text="", action="/x", button_label="Yes")
    body = pages.render(page, csrf_token='a"b').body.decode()
    assert '<input type="hidden" name="csrf_token" value="a&#34;b">' in body


def test_an_error_page_says_what_happened_and_how_to_ask_for_help() -> None:
    answer = pages.render(pages.error(500, request_id="r-1"))
    assert answer.status == 500
    assert "Something went wrong" in answer.body.decode()
    assert "r-1" in answer.body.decode()


def test_an_unknown_status_still_gets_a_page() -> None:
    assert "That did not work" in pages.render(pages.error(418)).body.decode()
    assert "Something went wrong" in pages.render(pages.error(507)).body.decode()


def test_a_static_file_is_found_by_its_hashed_name_only_and_kept_for_a_year() -> None:
    name = pages.static_url("everpost.css").removeprefix("/static/")
    file = pages.static_file(name)
    assert file is not None
    assert file.headers["Content-Type"] == "text/css; charset=utf-8"
    assert "immutable" in file.headers["Cache-Control"]
    assert pages.static_file("everpost.css") is None
    assert pages.static_file("../pages.py") is None


def test_every_page_links_the_stylesheet_by_its_hashed_name() -> None:
    assert pages.static_url("everpost.css") in pages.render(pages.error(404)).body.decode()
