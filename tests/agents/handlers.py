"""A handler of starts for tests: remembers what was started, holds what it is told to hold."""

from datetime import datetime

from agents.models import StartRequest


class RecordingHandler:
    """``started`` and ``expired`` keep subject ids in order; ``held`` says why one is held; ``failure`` is raised."""

    def __init__(self) -> None:
        self.started: list[int] = []
        self.expired: list[int] = []
        self.held: dict[int, str] = {}
        self.failure: dict[int, Exception] = {}

    def is_held(self, start: StartRequest) -> str:
        return self.held.get(start.subject_id, "")

    def on_admitted(self, start: StartRequest, now: datetime) -> None:
        if start.subject_id in self.failure:
            raise self.failure[start.subject_id]
        self.started.append(start.subject_id)

    def on_expired(self, start: StartRequest, now: datetime) -> None:
        if start.subject_id in self.failure:
            raise self.failure[start.subject_id]
        self.expired.append(start.subject_id)
