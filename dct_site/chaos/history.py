"""What clients sent and were told: the one thing that a checker may believe beside the database."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Told:
    """One request: under which delivery id of the sender's, about which change (a number), what was answered.
    ``status`` is 0 where nobody answered: it may have been taken all the same. ``delivery`` is DCT's id of it, 0 where
    it was not taken. ``is_forged``: signed with a wrong secret.
    """

    key: str
    change: int
    status: int
    delivery: int = 0
    is_duplicate: bool = False
    is_forged: bool = False

    @property
    def is_answered(self) -> bool:
        return self.status != 0

    @property
    def is_acknowledged(self) -> bool:
        return 200 <= self.status < 300


def write(path: Path, history: Iterable[Told]) -> None:
    path.write_text("".join(json.dumps(asdict(one)) + "\n" for one in history))


def read(path: Path) -> list[Told]:
    return [Told(**json.loads(line)) for line in path.read_text().splitlines()]
