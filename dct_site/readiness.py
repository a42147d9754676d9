"""``/readyz``: whether this installation can take work – database, migrations, wake-ups and clock are there."""

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse

from dct_site.kernel.clock import utcnow
from triggers.selectors.health import health

MEANS_NOT_READY = frozenset({"engine_silent", "agents_silent", "tick_silent"})
_known_migrated: set[str] = set()


def readyz(_request: HttpRequest) -> JsonResponse:
    """200 and ``ready``, or 503 with what is missing, one sentence each."""
    try:
        missing = _missing()
    except DatabaseError:
        missing = ["The database does not answer."]
    answer = {"status": "not ready" if missing else "ready", "missing": missing}
    response = JsonResponse(answer, status=503 if missing else 200, headers={"Cache-Control": "no-store"})
    # Somebody asks every few milliseconds while DCT starts; Django would log an error each time.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def _missing() -> list[str]:
    if not _is_migrated():
        return ["The database's tables are not up to date; run `./dct manage migrate`."]
    reasons = health(now=utcnow()).reasons
    return [reason.text for reason in reasons if reason.code in MEANS_NOT_READY]


def _is_migrated() -> bool:
    """Asked until it is so once: code and tables of a running process do not part again."""
    if not _known_migrated:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return False
        _known_migrated.add("yes")
    return True
