"""What the tests of the kernel share."""

from pathlib import Path

import pytest

from dct_site.kernel.process import spawn
from tests.measured import measured


@pytest.fixture
def measured_shim(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Where the run is measured, the shims of the test are too; they start a little later, so no lease may be short."""
    monkeypatch.setattr(spawn, "SHIM", measured(Path(spawn.SHIM), tmp_path_factory.mktemp("shim")))
