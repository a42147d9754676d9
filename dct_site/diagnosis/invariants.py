"""Whether what must always be so is so: the doctor's view of the queries that health asks too."""

from collections.abc import Iterable

from django.db import DatabaseError

from dct_site.diagnosis.findings import Finding, fail, ok
from dct_site.kernel.clock import utcnow
from triggers.selectors.invariants import INVARIANTS, broken


def look_at_invariants() -> Iterable[Finding]:
    """A finding for each that does not hold, or one that all do."""
    try:
        found = broken(now=utcnow())
    except DatabaseError as error:
        yield fail("Invariants", f"the database does not answer ({' '.join(str(error).split())}).")
        return
    for one in found:
        yield fail(one.invariant.code, f"{one.text} {one.invariant.advice}")
    if not found:
        yield ok("Invariants", f"all {len(INVARIANTS) + 1} hold")
