"""The workspaces room."""

from django.apps import AppConfig


class WorkspacesConfig(AppConfig):
    name = "workspaces"

    def ready(self) -> None:
        from workspaces import registrations  # noqa: PLC0415 - models are there only now

        registrations.register()
