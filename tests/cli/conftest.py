"""One instance for all tests of this folder that leave it running."""

from collections.abc import Iterator

import pytest

from tests.support.instance import Instance


@pytest.fixture(scope="session")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """A running instance. Its path has a space, as people's paths do."""
    instance = Instance(tmp_path_factory.mktemp("instance") / "data folder")
    instance.start()
    yield instance
    instance.stop()
