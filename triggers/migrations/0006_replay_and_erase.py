import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import dct_site.kernel.fields


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("triggers", "0005_what_is_under_way"),
    ]

    operations = [
        migrations.CreateModel(
            name="BulkReplay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("events", "Events"), ("deliveries", "Refused deliveries")], max_length=10
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("running", "Running"),
                            ("paused", "Paused"),
                            ("done", "Done"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="running",
                        max_length=10,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=1000)),
                ("filters", models.JSONField(default=dict)),
                (
                    "revision",
                    models.CharField(
                        choices=[("now", "The one of now"), ("then", "The one of then")], default="now", max_length=4
                    ),
                ),
                ("is_draft", models.BooleanField(default=False)),
                ("priority", models.PositiveSmallIntegerField(null=True)),
                ("concurrency", models.PositiveSmallIntegerField()),
                ("total", models.PositiveIntegerField()),
                ("first_id", models.BigIntegerField()),
                ("last_id", models.BigIntegerField()),
                ("after_id", models.BigIntegerField()),
                ("replayed", models.PositiveIntegerField(default=0)),
                ("skipped", models.PositiveIntegerField(default=0)),
                ("skips", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bulk_replays",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "trigger",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bulk_replays",
                        to="triggers.trigger",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(condition=models.Q(("status", "running")), fields=["id"], name="bulk_replay_running")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["running", "paused", "done", "cancelled"])),
                        name="bulk_replay_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("priority", None), ("priority__range", (1, 10)), _connector="OR"),
                        name="bulk_replay_priority",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("concurrency__range", (1, 100))), name="bulk_replay_concurrency"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Erasure",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("item", "An item"), ("person", "A person")], max_length=10)),
                (
                    "status",
                    models.CharField(
                        choices=[("running", "Running"), ("done", "Done")], default="running", max_length=10
                    ),
                ),
                ("item_id", models.BigIntegerField(null=True)),
                (
                    "connection_id",
                    models.BigIntegerField(help_text="A person is looked for here only; null: everywhere.", null=True),
                ),
                ("digest", models.CharField(blank=True, max_length=64)),
                ("person", dct_site.kernel.fields.EncryptedTextField(blank=True)),
                ("with_files", models.BooleanField(default=False)),
                ("total", models.PositiveIntegerField(help_text="Events that were counted before.")),
                ("done", models.PositiveIntegerField(default=0)),
                ("counts", models.JSONField(default=dict)),
                ("after_id", models.BigIntegerField(default=0)),
                ("waits_for", models.CharField(blank=True, max_length=300)),
                ("created_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="erasures",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(condition=models.Q(("status", "running")), fields=["id"], name="erasure_running")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["running", "done"])), name="erasure_status_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("item_id", None), ("digest", ""), _connector="XOR"),
                        name="erasure_of_one_thing",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status", "running"), ("person", ""), _connector="OR"),
                        name="erasure_forgets_the_person",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Replay",
            fields=[
                (
                    "delivery",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="replay",
                        serialize=False,
                        to="triggers.delivery",
                    ),
                ),
                ("event_id", models.BigIntegerField(null=True)),
                ("of_delivery_id", models.BigIntegerField(null=True)),
                ("as_of", models.PositiveBigIntegerField(null=True)),
                ("is_draft", models.BooleanField(default=False)),
                ("priority", models.PositiveSmallIntegerField(null=True)),
                ("edited", models.JSONField(default=list)),
                ("is_under_way", models.BooleanField(default=False)),
                (
                    "bulk",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="replays",
                        to="triggers.bulkreplay",
                    ),
                ),
            ],
            options={
                "ordering": ["-delivery_id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("event_id", None)), fields=["of_delivery_id"], name="replay_of_delivery"
                    ),
                    models.Index(condition=models.Q(("is_under_way", True)), fields=["bulk"], name="replay_under_way"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("event_id", None), ("of_delivery_id", None), _connector="XOR"),
                        name="replay_of_one_thing",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("priority", None), ("priority__range", (1, 10)), _connector="OR"),
                        name="replay_priority",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("bulk__isnull", False)),
                        fields=("bulk", "event_id"),
                        name="replay_event_once_per_bulk",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("bulk__isnull", False)),
                        fields=("bulk", "of_delivery_id"),
                        name="replay_delivery_once_per_bulk",
                    ),
                ],
            },
        ),
    ]
