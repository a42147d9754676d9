"""Which deliveries are decided next: the oldest, and first some of connections that have none among these.

A connection that brings a night's worth at once does not keep what the others bring waiting. Within a connection the
order of arrival holds always, so an item's state never goes backwards: items belong to connections. A trigger of
several may meet their events in another order than they came; its cooldown counts from the latest that fired.
"""

from triggers.models import Delivery, PendingDelivery
from triggers.services.decide import sql as decide_sql

NEWEST = 100
"""How many of the newest are looked through for other connections: what just came is there."""
SHARE = 50
"""The most of one other connection in a round."""


def next_to_decide(limit: int) -> list[int]:
    """The ids of up to ``limit`` pending deliveries, behind those of connections that are let in front."""
    ids = decide_sql.oldest_pending(limit)
    if len(ids) < limit:
        return ids
    newest = PendingDelivery.objects.order_by("-pk").values_list("pk", flat=True)[:NEWEST]
    fresh = Delivery.objects.filter(pk__in=list(newest), pk__gt=ids[-1]).order_by()
    others = set(fresh.values_list("connection_id", flat=True))
    mine = Delivery.objects.filter(pk__in=ids, connection_id__in=others).order_by()
    others -= set(mine.values_list("connection_id", flat=True))
    return [pk for one in sorted(others) for pk in _first_of(one, ids[-1])] + ids


def _first_of(connection_id: int, after: int) -> list[int]:
    """The oldest pending ones of a connection, all behind ``after``: few rows to look through, by its own index."""
    rows = Delivery.objects.filter(connection_id=connection_id, pk__gt=after, pending__isnull=False)
    return list(rows.order_by("pk").values_list("pk", flat=True)[:SHARE])
