"""The one permission rule: active user, granting role, toggle on, and an object within reach. Deny by default."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from django.contrib.auth.models import AnonymousUser
from django.db.models import Model, QuerySet

from accounts.actor import Actor
from accounts.enums import Role, Toggle, Via
from accounts.models import FeatureToggle, OperationGrant, User
from accounts.operations import TABLE, Operation, Reach
from accounts.ownership import own_or_granted

Row = TypeVar("Row", bound=Model)
Person = User | AnonymousUser | None


class Code(StrEnum):
    """Why the answer is what it is; interfaces map it to 200, 401, 403 or 404."""

    ALLOWED = "allowed"
    NOT_SIGNED_IN = "not_signed_in"
    NOT_VISIBLE = "not_visible"
    FORBIDDEN = "forbidden"
    FEATURE_DISABLED = "feature_disabled"


@dataclass(frozen=True)
class Answer:
    allowed: bool
    code: Code
    detail: str = ""

    def __bool__(self) -> bool:
        return self.allowed


class Denied(Exception):
    """Raised by ``require``; carries the answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.detail)
        self.answer = answer


_YES = Answer(allowed=True, code=Code.ALLOWED)


def is_on(toggle: Toggle) -> bool:
    """Whether a feature is switched on; one that has no row is."""
    return not FeatureToggle.objects.filter(key=toggle, is_on=False).exists()


def reach_of(user: Person, operation: Operation) -> Reach:
    """How far ``operation`` reaches for the user by role and personal grants, toggles aside."""
    if not isinstance(user, User) or not user.is_active:
        return Reach.NEVER
    rule = TABLE[operation]
    if user.is_superuser:
        return rule.superuser
    reach = rule.reach(Role(user.role))
    if reach is Reach.GRANTABLE:
        granted = OperationGrant.objects.filter(user=user, operation=operation).exists()
        return Reach.ALL if granted else Reach.NEVER
    return reach


def may(user: Person, operation: Operation, obj: Model | None = None, *, with_toggle: bool = True) -> Answer:
    """Whether ``user`` may do ``operation`` (to ``obj``, where it is about one).

    ``with_toggle=False`` leaves the feature toggle out: a trigger that fires asks for its owner's rights only.
    """
    if not isinstance(user, User) or not user.is_active:
        return Answer(allowed=False, code=Code.NOT_SIGNED_IN, detail="Sign in first.")
    rule = TABLE[operation]
    if obj is not None and not _touches(user, Operation.VIEW, obj, reading=True):
        return Answer(allowed=False, code=Code.NOT_VISIBLE, detail="There is nothing here that you may see.")
    if with_toggle and rule.toggle is not None and not is_on(rule.toggle):
        detail = f"{rule.toggle.label} is switched off for everyone. A Developer can switch it on in the admin."
        return Answer(allowed=False, code=Code.FEATURE_DISABLED, detail=detail)
    reach = reach_of(user, operation)
    if reach is Reach.NEVER or (obj is not None and not _touches(user, operation, obj, reading=rule.is_reading)):
        detail = f"Your role may not do this: {rule.label[0].lower()}{rule.label[1:]}."
        return Answer(allowed=False, code=Code.FORBIDDEN, detail=detail)
    return _YES


def require(user: Person, operation: Operation, obj: Model | None = None) -> None:
    """Raise Denied unless ``may`` says yes."""
    answer = may(user, operation, obj)
    if not answer:
        raise Denied(answer)


def require_of(by: Actor, operation: Operation, obj: Model | None = None) -> None:
    """Raise Denied unless whoever acts may do it, at whatever door. DCT itself and the shell may."""
    if by.user is not None and by.via != Via.CLI:
        require(by.user, operation, obj)


def visible(rows: QuerySet[Row], *, user: Person, operation: Operation = Operation.VIEW) -> QuerySet[Row]:
    """The rows that the user may do ``operation`` to (to look, when not said): the filter behind every list."""
    reach = reach_of(user, operation)
    if reach is Reach.NEVER or not isinstance(user, User):
        return rows.none()
    if reach is Reach.ALL:
        return rows
    return rows.filter(own_or_granted(rows.model, user, reading=TABLE[operation].is_reading))


def _touches(user: User, operation: Operation, obj: Model, *, reading: bool) -> bool:
    """Whether the object lies within the reach of the operation for this user."""
    reach = reach_of(user, operation)
    if reach is not Reach.OWN:
        return reach is Reach.ALL
    model = type(obj)
    return model._default_manager.filter(own_or_granted(model, user, reading=reading), pk=obj.pk).exists()
