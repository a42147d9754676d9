"""What the accounts room gives the kernel and the permission rule: the journal's model, and whose its rows are."""

from django.db.models import Q

from accounts import ownership
from accounts.models import ApiToken, AuditEntry, Connection, JournalEntry, Secret, User
from accounts.ownership import Ownership
from dct_site.kernel import journal


def register() -> None:
    """Called once, when the apps are ready."""
    journal.install(JournalEntry)
    ownership.register(Connection, Ownership(owners=("owner",), grants=(("", Connection),)))
    ownership.register(Secret, Ownership(owners=("connection__owner",), grants=(("connection", Connection),)))
    ownership.register(User, Ownership(more=lambda user, _reading: Q(pk=user.pk)))
    ownership.register(ApiToken, Ownership(owners=("user",)))
    ownership.register(AuditEntry, Ownership(owners=("actor",), more=_about_own_rows))


def _about_own_rows(user: User, reading: bool) -> Q:
    """Entries about rows that are the user's own, whoever changed them."""
    found = Q(pk__in=[])
    for model in ownership.registered():
        # Entries about tokens name their owner; a token's own key is no number (PostgreSQL refuses to compare).
        if model in (AuditEntry, User, ApiToken):
            continue
        rows = model._default_manager.filter(ownership.own_or_granted(model, user, reading=reading))
        found |= Q(kind=model._meta.model_name, object_id__in=rows.order_by().values("pk"))
    return found
