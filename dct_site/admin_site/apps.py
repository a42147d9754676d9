"""Puts DCT's own admin site in the place of Django's."""

from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class AdminConfig(DjangoAdminConfig):
    default_site = "dct_site.admin_site.site.RoleAdminSite"
