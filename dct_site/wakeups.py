"""Chooses how wake-ups travel: sockets on one machine; Celery and the channel layer on many."""

from asgiref.sync import async_to_sync
from django.conf import settings

from dct_site.celery import app
from dct_site.kernel.wake import CeleryWake, SocketWake, Topic, Wake, run_directory
from dct_site.layer import channel_layer

GROUPS = {Topic.ANNOUNCE: "dct.announce", Topic.SUPERVISE: "dct.supervise"}
"""Topics for whoever is no Celery worker: web processes and agents processes hear them over the channel layer."""


def backend() -> Wake:
    """How this process wakes others."""
    return CeleryWake(send) if settings.SCALED else SocketWake(run_directory())


def send(topic: Topic) -> None:
    """Put one wake-up on its way; it expires, for the sweep comes anyway."""
    group = GROUPS.get(topic)
    if group is None:
        app.send_task("dct.work", args=[topic.value], expires=30, ignore_result=True)
    elif settings.DCT_CHANNEL_URL:
        async_to_sync(channel_layer().group_send)(group, {"type": "hint"})
