"""The product's settings for the migration linter: it is added, and judges the SQL that PostgreSQL would get.

On SQLite, Django copies a table for nearly every change, which the linter takes for a dangerous one.
"""

from dct_site.settings import *  # noqa: F403
from dct_site.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "django_migration_linter"]
DATABASES = {"default": {"ENGINE": "dct_site.command.offline_postgres", "NAME": "nothing"}}
