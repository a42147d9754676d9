# Indexes and constraints stand in the models that they belong to: on SQLite each one that is added later copies its table.

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ContextItem",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("repository", "Repository"),
                            ("pull_request", "Pull request"),
                            ("issue", "Issue"),
                            ("mailbox", "Mailbox"),
                            ("mail_thread", "Mail thread"),
                            ("ticket", "Ticket"),
                            ("conversation", "Conversation"),
                            ("stream", "Webhook stream"),
                            ("portfolio", "Portfolio"),
                        ],
                        max_length=20,
                    ),
                ),
                ("external_key", models.CharField(max_length=500)),
                ("title", models.CharField(blank=True, max_length=300)),
                ("url", models.URLField(blank=True, max_length=1000)),
                ("is_watched", models.BooleanField(default=False, help_text="Shown as a library card.")),
                ("state", models.JSONField(blank=True, default=dict)),
                ("state_version", models.PositiveBigIntegerField(default=0)),
                ("upstream_version", models.CharField(blank=True, max_length=64)),
                ("changed_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField()),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="items", to="accounts.connection"
                    ),
                ),
                (
                    "parent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="children",
                        to="workspaces.contextitem",
                    ),
                ),
            ],
            options={
                "ordering": ["-changed_at", "-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("is_watched", True)), fields=["-changed_at", "-id"], name="item_cards"
                    ),
                    models.Index(fields=["parent", "-changed_at"], name="item_children"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("connection", "kind", "external_key"), name="item_once_per_connection"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ItemState",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.PositiveBigIntegerField()),
                ("state", models.JSONField(default=dict)),
                ("changes", models.JSONField(default=dict)),
                ("upstream_version", models.CharField(blank=True, max_length=64)),
                ("event_id", models.BigIntegerField(null=True)),
                (
                    "trust_tier",
                    models.CharField(
                        choices=[
                            ("open", "Open door"),
                            ("verified", "Verified sender"),
                            ("allowed", "Verified sender, allow-listed actor"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("at", models.DateTimeField()),
                (
                    "item",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="history", to="workspaces.contextitem"
                    ),
                ),
            ],
            options={
                "ordering": ["-version"],
                "constraints": [models.UniqueConstraint(fields=("item", "version"), name="item_state_version_once")],
            },
        ),
        migrations.CreateModel(
            name="WorkspaceTemplate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=200)),
                ("description", models.TextField(blank=True)),
                ("title_pattern", models.CharField(default="{trigger.name}: {item.title}", max_length=500)),
                (
                    "context_refresh_mode",
                    models.CharField(
                        choices=[
                            ("none", "Nothing beyond the template"),
                            ("triggering_item", "The item that changed"),
                            ("changed_items", "Every item that changed since the template was saved"),
                            ("all", "Every item of the template"),
                        ],
                        default="triggering_item",
                        max_length=20,
                    ),
                ),
                ("options", models.JSONField(blank=True, default=dict)),
                (
                    "directory",
                    models.CharField(help_text="A random name; never derived from text.", max_length=64, unique=True),
                ),
                ("is_archived", models.BooleanField(default=False)),
                ("version", models.PositiveIntegerField(default=1)),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="workspace_templates",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["name", "id"],
            },
        ),
        migrations.CreateModel(
            name="Workspace",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("title", models.CharField(max_length=200)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("building", "Building"),
                            ("draft", "Review"),
                            ("active", "Active"),
                            ("completed", "Completed"),
                            ("failed", "Failed"),
                            ("archived", "Archived"),
                        ],
                        default="building",
                        max_length=20,
                    ),
                ),
                ("origin", models.CharField(max_length=80, unique=True)),
                ("directory", models.CharField(max_length=64, unique=True)),
                (
                    "context_refresh_mode",
                    models.CharField(
                        choices=[
                            ("none", "Nothing beyond the template"),
                            ("triggering_item", "The item that changed"),
                            ("changed_items", "Every item that changed since the template was saved"),
                            ("all", "Every item of the template"),
                        ],
                        default="triggering_item",
                        max_length=20,
                    ),
                ),
                (
                    "trust_tier",
                    models.CharField(
                        choices=[
                            ("open", "Open door"),
                            ("verified", "Verified sender"),
                            ("allowed", "Verified sender, allow-listed actor"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("options", models.JSONField(blank=True, default=dict)),
                ("version", models.PositiveIntegerField(default=1)),
                ("created_at", models.DateTimeField()),
                ("activated_at", models.DateTimeField(blank=True, null=True)),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                (
                    "item",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="workspaces",
                        to="workspaces.contextitem",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="workspaces",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "template",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="workspaces",
                        to="workspaces.workspacetemplate",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [models.Index(fields=["item", "status"], name="workspace_by_item")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status__in", ["building", "draft", "active", "completed", "failed", "archived"])
                        ),
                        name="workspace_status_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ContextFile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("path", models.CharField(max_length=200)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("event", "The event as data"),
                            ("item", "The item's state"),
                            ("previous", "The item's state before"),
                            ("history", "The item's earlier states"),
                            ("message", "The message's text"),
                            ("text", "Fixed text"),
                        ],
                        max_length=10,
                    ),
                ),
                ("item_version", models.PositiveBigIntegerField(null=True)),
                ("size", models.PositiveBigIntegerField()),
                ("checksum", models.CharField(max_length=64)),
                (
                    "trust_tier",
                    models.CharField(
                        choices=[
                            ("open", "Open door"),
                            ("verified", "Verified sender"),
                            ("allowed", "Verified sender, allow-listed actor"),
                        ],
                        max_length=10,
                    ),
                ),
                ("written_at", models.DateTimeField()),
                (
                    "item",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="workspaces.contextitem",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="context", to="workspaces.workspace"
                    ),
                ),
            ],
            options={
                "ordering": ["path"],
                "constraints": [models.UniqueConstraint(fields=("workspace", "path"), name="context_file_path_once")],
            },
        ),
        migrations.CreateModel(
            name="TemplateContext",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("path", models.CharField(max_length=200)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("event", "The event as data"),
                            ("item", "The item's state"),
                            ("previous", "The item's state before"),
                            ("history", "The item's earlier states"),
                            ("message", "The message's text"),
                            ("text", "Fixed text"),
                        ],
                        max_length=10,
                    ),
                ),
                ("text", models.TextField(blank=True)),
                (
                    "item",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="workspaces.contextitem",
                    ),
                ),
                (
                    "template",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="context",
                        to="workspaces.workspacetemplate",
                    ),
                ),
            ],
            options={
                "ordering": ["path"],
                "constraints": [
                    models.UniqueConstraint(fields=("template", "path"), name="template_context_path_once")
                ],
            },
        ),
    ]
