"""The deliverables room."""

from django.apps import AppConfig


class DeliverablesConfig(AppConfig):
    name = "deliverables"

    def ready(self) -> None:
        from deliverables import registrations  # noqa: PLC0415 - models are there only now

        registrations.register()
