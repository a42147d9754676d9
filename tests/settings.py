"""Settings for tests: the product's own, on a throw-away data directory and database of each test process.

`DCT_TEST_ROOT` (made here when it is not set) holds one directory per pytest-xdist worker: workers never share a file.
`DCT_TEST_DATABASE_URL` runs the whole suite on that PostgreSQL; without it the suite runs on SQLite.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path


def _make_data_directory() -> Path:
    """Return this process's own data directory, made and removed with the run."""
    root = os.environ.get("DCT_TEST_ROOT", "")
    if not root:
        root = tempfile.mkdtemp(prefix="dct-tests-")
        # Workers inherit it; only the process that made it takes it away.
        os.environ["DCT_TEST_ROOT"] = root
        atexit.register(shutil.rmtree, root, ignore_errors=True)
    directory = Path(root) / os.environ.get("PYTEST_XDIST_WORKER", "main")
    directory.mkdir(parents=True, exist_ok=True)
    return directory


_data = _make_data_directory()
os.environ["DCT_DATA_DIR"] = str(_data)
os.environ["DCT_DATABASE_URL"] = os.environ.get("DCT_TEST_DATABASE_URL", "")
if not os.environ["DCT_DATABASE_URL"]:
    del os.environ["DCT_DATABASE_URL"]

from dct_site.settings import *  # noqa: E402, F403
from dct_site.settings import DATABASES  # noqa: E402

if "sqlite" in DATABASES["default"]["ENGINE"]:
    # In memory, SQLite has no WAL and shares one cache between threads: other locks than the product's.
    DATABASES["default"]["TEST"] = {"NAME": str(_data / "test.sqlite3")}
    # A killed process loses nothing that it handed to the system; waiting for the disk shows nothing to a test.
    _pragmas = DATABASES["default"]["OPTIONS"]["init_command"]
    DATABASES["default"]["OPTIONS"]["init_command"] = _pragmas.replace("synchronous=FULL", "synchronous=OFF")

# A slow hash takes a third of a second for each password that is made or tried.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
