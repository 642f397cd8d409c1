"""Settings: where they come from, and what is refused at the start rather than at three in the morning."""

from pathlib import Path

import pytest

from everpost.platform import config
from everpost.platform.config import BadSetting


def test_a_variable_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "everpost.toml").write_text('port = 81\nrate_per_day = 5\nhost = "::1"\n')
    found = config.load({"EVERPOST_DATA": str(tmp_path), "EVERPOST_PORT": "82", "EVERPOST_HOST": ""})
    assert (82, 5, "::1") == (found.port, found.rate_per_day, found.host)


def test_the_file_may_lie_elsewhere_but_must_be_there(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("require_tls = true")
    assert config.load({"EVERPOST_CONFIG": str(file)}).require_tls
    with pytest.raises(BadSetting, match=r"nowhere\.toml"):
        config.load({"EVERPOST_CONFIG": str(tmp_path / "nowhere.toml")})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"), ("PORT", "http"), ("REQUIRE_TLS", "perhaps"), ("LOG_LEVEL", "loud"), ("RATE_PER_DAY", "-1"),
        ("PUBLIC_URL", "mail.example.com"), ("PUBLIC_URL", "https://a.example/everpost"), ("PUBLIC_URL", "javascript:x"),
        ("PUBLIC_URL", "https://a.example\r\nX: 1"), ("API_BASE_URL", "https://"), ("AUTH_BASE_URL", "https://u:p@a.example"),
        ("TRUSTED_PROXIES", "10.0.0.1, proxy"),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_work_is_named(name: str, value: str) -> None:
    with pytest.raises(BadSetting) as refused:
        config.load({f"EVERPOST_{name}": value})
    assert name.lower() in str(refused.value).lower()


@pytest.mark.parametrize("text", ["port = ", "unknown_setting = 1", "\x00"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "everpost.toml").write_text(text)
    with pytest.raises(BadSetting):
        config.load({"EVERPOST_DATA": str(tmp_path)})


@pytest.mark.parametrize("url", ["https://mail.example.com", "http://[::1]:8080", "https://mail.example.com:8443/"])
def test_an_origin_is_taken_with_or_without_its_last_slash(url: str) -> None:
    assert url.rstrip("/") == config.load({"EVERPOST_PUBLIC_URL": url}).origin
