"""The time of a piece of work that was told when it began: later moments are that plus what has passed since."""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Stopwatch:
    """``began`` is the time that the caller was told; ``now()`` goes on from there with the process's steady clock."""

    began: datetime
    _at: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        return self.began + timedelta(seconds=time.monotonic() - self._at)
