"""Celery, for many machines: a message is a wake-up that names a topic; the rows are the truth."""

import os
from datetime import UTC, datetime

from celery import Celery
from celery.signals import worker_process_init

from dct_site import interpreter

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dct_site.settings")

app = Celery("dct")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["dct_site"], related_name="tasks")


@worker_process_init.connect  # type: ignore[untyped-decorator]
def begin(**_: object) -> None:
    """A worker's process is ready: its apps are loaded."""
    interpreter.leave_out_what_stays()


def now() -> datetime:
    """The worker's clock; leases compare with the database's own."""
    return datetime.now(UTC)
