"""Rows of the accounts room for tests."""

import itertools
from typing import Any

from accounts.enums import Role
from accounts.models import User

_numbers = itertools.count(1)


def make_user(**over: Any) -> User:
    """An active person, a Developer unless said otherwise, without a usable password."""
    user = User(**{"username": f"person-{next(_numbers)}", "role": Role.DEVELOPER, **over})
    user.set_unusable_password()
    user.save()
    return user
