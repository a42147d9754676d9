"""Whose an object is: each model says once how its owner and its grants are found; every door filters by it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, Q
from guardian.models import UserObjectPermission

from accounts.models import User


@dataclass(frozen=True)
class Ownership:
    """How a model's rows belong to people.

    ``owners`` are lookups that lead to a user; ``grants`` are lookups that lead to a row on which a guardian grant
    counts (an empty string is the row itself) with the model found there; ``more`` adds what no lookup can say;
    ``is_public`` rows may be looked at by everyone who is signed in.
    """

    owners: tuple[str, ...] = ()
    grants: tuple[tuple[str, type[Model]], ...] = ()
    more: Callable[[User, bool], Q] | None = None
    is_public: bool = False


_known: dict[type[Model], Ownership] = {}


def register(model: type[Model], ownership: Ownership) -> None:
    """Say how rows of ``model`` belong to people (each app, once, when it is ready)."""
    _known[model] = ownership


def registered() -> Iterable[type[Model]]:
    return _known.keys()


def granted_ids(user: User, model: type[Model], *, reading: bool) -> list[int]:
    """Ids of the rows of ``model`` granted to ``user``; a grant to change is one to look as well."""
    name = model._meta.model_name
    codenames = [f"change_{name}", f"view_{name}"] if reading else [f"change_{name}"]
    found = UserObjectPermission.objects.filter(
        user=user,
        permission__codename__in=codenames,
        permission__content_type__app_label=model._meta.app_label,
        permission__content_type__model=name,
    )
    return sorted({int(pk) for pk in found.values_list("object_pk", flat=True)})


def own_or_granted(model: type[Model], user: User, *, reading: bool) -> Q:
    """The rows of ``model`` that are the user's own or granted; a model that nobody registered belongs to nobody."""
    ownership = _known.get(model)
    if ownership is None:
        return Q(pk__in=[])
    if ownership.is_public and reading:
        return Q()
    found = Q(pk__in=[])
    for path in ownership.owners:
        found |= Q(**{path: user})
    for path, granted in ownership.grants:
        ids: Any = granted_ids(user, granted, reading=reading)
        if ids:
            found |= Q(**{f"{path}__in" if path else "pk__in": ids})
    if ownership.more is not None:
        found |= ownership.more(user, reading)
    return found
