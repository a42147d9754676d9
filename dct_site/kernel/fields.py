# ruff: noqa: ARG002 - the methods are called by Django with what it has
"""A model field for secrets: encrypted in the database, a plain text on the attribute, out of sight everywhere else."""

from typing import TYPE_CHECKING, Any, Self

from django.core.exceptions import FieldError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.query_utils import DeferredAttribute

from dct_site.kernel.crypto import box


class SecretText(str):
    """A text whose `repr` (tracebacks, logs, debuggers) shows nothing of it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "SecretText('…')" if self else "SecretText('')"


class Sealed:
    """A secret as it is stored. Kept so until somebody asks: a wrong key must not keep a whole page from loading."""

    __slots__ = ("token",)

    def __init__(self, token: str) -> None:
        self.token = token

    def open(self) -> SecretText:
        """The secret. Raises WrongKey."""
        return SecretText(box().decrypt(self.token))

    def has_its_key(self) -> bool:
        """Whether the key that it names is among those of now."""
        return box().has_key_of(self.token)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return "Sealed('…')"


class _OpensWhenRead(DeferredAttribute):
    def __get__(self, instance: models.Model | None, cls: type[models.Model] | None = None) -> Any:
        value = super().__get__(instance, cls)
        return value.open() if isinstance(value, Sealed) else value

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = SecretText(value) if type(value) is str else value


if TYPE_CHECKING:
    _TextField = models.TextField[Any, Any]
else:
    _TextField = models.TextField


class EncryptedTextField(_TextField):
    """Text that is encrypted at rest; "" stays "". Reading the attribute raises WrongKey when its key is missing.

    A row that is loaded and saved keeps its ciphertext as it is, so that a wrong key loses nothing. `values()` gives
    `Sealed` objects. Forms and dumps never show the value, and an empty form field keeps what is stored. Only
    `isnull` and `exact=""` can be asked in queries, for equal texts have different ciphertexts.
    """

    descriptor_class = _OpensWhenRead

    def from_db_value(self, value: str | None, expression: Any, connection: BaseDatabaseWrapper) -> Sealed | str | None:
        """What a row holds, still sealed."""
        return Sealed(value) if value else value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """The value as it lies in the instance: an untouched secret is not opened."""
        return model_instance.__dict__.get(self.attname, "")

    def get_prep_value(self, value: Any) -> str | None:
        """The ciphertext to store."""
        if isinstance(value, Sealed):
            return value.token
        return box().encrypt(str(value)) if value else value

    def get_lookup(self, lookup_name: str) -> Any:
        """`isnull`, and `exact` for the empty text."""
        if lookup_name == "exact":
            return _IsEmpty
        if lookup_name == "isnull":
            return super().get_lookup(lookup_name)
        raise FieldError(f"{self.name} is encrypted; it cannot be searched by {lookup_name}.")

    def value_from_object(self, obj: models.Model) -> str:
        """What a form shows: nothing."""
        return ""

    def value_to_string(self, obj: models.Model) -> str:
        """What a dump holds: nothing."""
        return ""

    def save_form_data(self, instance: models.Model, data: Any) -> None:
        """An empty form field keeps what is stored."""
        if data:
            super().save_form_data(instance, data)

    def clone(self) -> Self:
        """As Django's; named here for its type."""
        return super().clone()


class _IsEmpty(models.lookups.Exact):
    def get_prep_lookup(self) -> str:
        if self.rhs != "":
            raise FieldError("An encrypted field can only be compared with the empty text.")
        return ""
