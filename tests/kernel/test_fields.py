"""The encrypted field, on a model of its own that no migration knows."""

from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import FieldError
from django.core.serializers import serialize
from django.db import connection, models
from django.forms.models import modelform_factory
from django.test.utils import isolate_apps

from dct_site.kernel.crypto import WrongKey
from dct_site.kernel.fields import EncryptedTextField, Sealed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def vault() -> Iterator[Any]:
    with isolate_apps("accounts"):

        class Vault(models.Model):
            name = models.TextField(default="")
            secret = EncryptedTextField(blank=True, default="", null=True)

            class Meta:
                app_label = "accounts"
                db_table = "test_vault"

        with connection.schema_editor() as editor:
            editor.create_model(Vault)
        yield Vault
        with connection.schema_editor() as editor:
            editor.delete_model(Vault)


def stored(row: Any) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM test_vault WHERE id = %s", [row.pk])
        return str(cursor.fetchone()[0])


def test_a_secret_is_encrypted_in_the_database_and_plain_on_the_attribute(vault: Any) -> None:
    row = vault.objects.create(secret="s3cret ä")
    assert stored(row).startswith("dct1.")
    assert vault.objects.get().secret == "s3cret ä"
    assert row.secret == "s3cret ä"


def test_no_repr_shows_it(vault: Any) -> None:
    row = vault.objects.create(secret="s3cret")
    assert "s3cret" not in repr([row.secret, row.__dict__, vault.objects.get().secret, list(vault.objects.values())])


@pytest.mark.parametrize("nothing", ["", None])
def test_nothing_stays_nothing(vault: Any, nothing: str | None) -> None:
    vault.objects.create(secret=nothing)
    assert vault.objects.get().secret == nothing
    assert vault.objects.filter(secret="").exists() == (nothing == "")


def test_a_wrong_key_is_told_only_to_who_reads_the_secret_and_loses_nothing(vault: Any, settings: Any) -> None:
    before = stored(vault.objects.create(secret="s3cret"))
    kept, settings.DCT_ENCRYPTION_KEYS = settings.DCT_ENCRYPTION_KEYS, Fernet.generate_key().decode()
    row = vault.objects.get()
    with pytest.raises(WrongKey):
        str(row.secret)
    row.name = "renamed"
    row.save()
    assert stored(row) == before
    settings.DCT_ENCRYPTION_KEYS = kept
    assert vault.objects.get().secret == "s3cret"


def test_a_changed_secret_is_written(vault: Any) -> None:
    row = vault.objects.create(secret="old")
    row.secret = "new"
    row.save(update_fields=["secret"])
    row.refresh_from_db()
    assert row.secret == vault.objects.get().secret == "new"
    vault.objects.update(secret="newer")
    assert vault.objects.get().secret == "newer"


def test_values_are_sealed(vault: Any) -> None:
    vault.objects.create(secret="s3cret")
    value = vault.objects.values_list("secret", flat=True).get()
    assert isinstance(value, Sealed)
    assert bool(value)
    assert value.open() == "s3cret"


def test_a_secret_cannot_be_searched(vault: Any) -> None:
    with pytest.raises(FieldError, match="compared with the empty text"):
        vault.objects.filter(secret="s3cret").exists()
    with pytest.raises(FieldError, match="cannot be searched by contains"):
        vault.objects.filter(secret__contains="s").exists()
    assert not vault.objects.filter(secret__isnull=True).exists()


def test_a_form_never_shows_it_and_an_empty_box_keeps_it(vault: Any) -> None:
    row = vault.objects.create(secret="s3cret")
    form_class = modelform_factory(vault, fields=["name", "secret"])
    assert "s3cret" not in form_class(instance=row).as_p()
    form_class({"name": "x", "secret": ""}, instance=row).save()
    assert vault.objects.get().secret == "s3cret"
    form_class({"name": "x", "secret": "other"}, instance=row).save()
    assert vault.objects.get().secret == "other"


def test_a_dump_holds_nothing_of_it(vault: Any) -> None:
    vault.objects.create(secret="s3cret")
    assert '"secret": ""' in serialize("json", vault.objects.all())
