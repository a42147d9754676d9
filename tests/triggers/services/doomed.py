"""Passes of work that a test kills at a crash point."""

import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection

from tests.factories.triggers import NOON


def database_url() -> str:
    """The database of the test, as another process is told of it."""
    given = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{given['NAME']}"
    host = f"{given['USER']}:{given['PASSWORD']}@{given['HOST']}:{given['PORT'] or 5432}"
    return f"postgresql://{host}/{given['NAME']}"


class Doomed:
    """Runs passes that are to be killed; its process is started with the first one, when the database is there."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None

    def is_killed(self, work: str, at: str, now: datetime = NOON) -> bool:
        """Whether a pass of the work died at the crash point."""
        self.process = self.process or self._start()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{work} {now.isoformat()} {at}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline()) == -signal.SIGKILL

    def _start(self) -> subprocess.Popen[str]:
        environment = {
            **os.environ,
            "DCT_DATABASE_URL": database_url(),
            "DCT_DATA_DIR": str(settings.DCT_DATA_DIR),
            "DJANGO_SETTINGS_MODULE": "dct_site.settings",
        }
        program = [sys.executable, str(Path(__file__).with_name("worker.py"))]
        return subprocess.Popen(
            program, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def close(self) -> None:
        if self.process is not None:
            self.process.communicate(timeout=60)
