"""The triggers room."""

from django.apps import AppConfig


class TriggersConfig(AppConfig):
    name = "triggers"

    def ready(self) -> None:
        from triggers import registrations  # noqa: PLC0415 - models are there only now

        registrations.register()
