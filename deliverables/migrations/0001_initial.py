# Indexes and constraints stand in the models that they belong to: on SQLite each one that is added later copies its table.

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("workspaces", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Deliverable",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=200)),
                (
                    "kind",
                    models.CharField(
                        choices=[("file_created", "File created"), ("file_edited", "File edited")], max_length=20
                    ),
                ),
                ("target", models.CharField(max_length=500)),
                ("rules", models.JSONField(blank=True, default=dict)),
                (
                    "is_required",
                    models.BooleanField(default=True, help_text="Blocks completion until it holds or is waived."),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("satisfied", "Satisfied"),
                            ("unsatisfied", "Unsatisfied"),
                            ("waived", "Waived"),
                            ("expired", "Expired"),
                        ],
                        default="pending",
                        max_length=20,
                    ),
                ),
                ("position", models.PositiveSmallIntegerField(default=0)),
                ("baseline_checksum", models.CharField(blank=True, max_length=64)),
                ("deadline_at", models.DateTimeField(blank=True, null=True)),
                ("checked_at", models.DateTimeField(blank=True, null=True)),
                ("waive_reason", models.CharField(blank=True, max_length=1000)),
                (
                    "waived_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliverables",
                        to="workspaces.workspace",
                    ),
                ),
            ],
            options={
                "ordering": ["position", "id"],
                "constraints": [
                    models.UniqueConstraint(fields=("workspace", "name"), name="deliverable_name_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status__in", ["pending", "satisfied", "unsatisfied", "waived", "expired"])
                        ),
                        name="deliverable_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "waived"), _negated=True),
                            models.Q(("waive_reason", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="deliverable_waived_with_reason",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Check",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("rule", models.CharField(max_length=40)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("passed", "Passed"),
                            ("failed", "Failed"),
                            ("error", "Error"),
                        ],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("expected", models.CharField(max_length=600)),
                ("found", models.CharField(blank=True, max_length=1000)),
                ("position", models.PositiveSmallIntegerField(default=0)),
                ("checked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "deliverable",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="checks",
                        to="deliverables.deliverable",
                    ),
                ),
            ],
            options={
                "ordering": ["position", "id"],
                "constraints": [models.UniqueConstraint(fields=("deliverable", "rule"), name="check_once_per_rule")],
            },
        ),
    ]
