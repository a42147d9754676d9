"""Celery, for many machines: a message is a wake-up that names a topic; the rows are the truth."""

import os
import sys
from datetime import datetime

from celery import Celery
from celery.signals import setup_logging, worker_process_init
from django.conf import settings

from dct_site import interpreter
from dct_site.kernel.clock import utcnow
from dct_site.logs import configure

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dct_site.settings")

app = Celery("dct")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["dct_site"], related_name="tasks")


@setup_logging.connect  # type: ignore[untyped-decorator]
def log(**_: object) -> None:
    """Logs as every other process writes them, and not as Celery would."""
    configure(role="tick" if "beat" in sys.argv else "worker", as_json=settings.DCT_LOG_FORMAT == "json")


@worker_process_init.connect  # type: ignore[untyped-decorator]
def begin(**_: object) -> None:
    """A worker's process is ready: its apps are loaded."""
    interpreter.leave_out_what_stays()


def now() -> datetime:
    """The worker's clock; leases compare with the database's own."""
    return utcnow()
