"""The accounts room."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts import registrations  # noqa: PLC0415 - models are there only now

        registrations.register()
