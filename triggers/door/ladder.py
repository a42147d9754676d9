"""Whether the door stands open: closed on the last rung of the ladder of overload."""

import structlog
from django.db import connection

from agents.enums import Rung
from agents.selectors.overload import rung_now
from dct_site.kernel.clock import utcnow

log = structlog.get_logger(__name__)


def is_open() -> bool:
    """Asked in a thread, once a second at most, with a connection of its own. Where nobody can tell it is open: then
    the commit tells.
    """
    try:
        return rung_now(utcnow()) < Rung.DOOR_CLOSED
    except Exception as error:  # noqa: BLE001 - the database may be away; that is the writer's to say
        log.warning("door.ladder_unread", error=str(error))
        return True
    finally:
        connection.close()
