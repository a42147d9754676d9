"""The agents room."""

from django.apps import AppConfig


class AgentsConfig(AppConfig):
    name = "agents"

    def ready(self) -> None:
        from agents import registrations  # noqa: PLC0415 - models are there only now

        registrations.register()
