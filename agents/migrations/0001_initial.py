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
            name="AgentMessage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("agent_id", models.BigIntegerField()),
                ("run_id", models.BigIntegerField(null=True)),
                ("seq", models.PositiveIntegerField(help_text="Counts up per agent.")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("system", "DCT"),
                            ("instruction", "Instruction"),
                            ("text", "Agent"),
                            ("tool_call", "Tool call"),
                            ("tool_result", "Tool result"),
                            ("output", "Output"),
                            ("error_output", "Error output"),
                            ("gate", "Completion gate"),
                        ],
                        max_length=20,
                    ),
                ),
                ("text", models.TextField(blank=True)),
                ("data", models.JSONField(blank=True, default=dict)),
                ("at", models.DateTimeField()),
            ],
            options={
                "ordering": ["agent_id", "seq"],
                "constraints": [models.UniqueConstraint(fields=("agent_id", "seq"), name="message_seq_once")],
            },
        ),
        migrations.CreateModel(
            name="RuntimeCommand",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100, unique=True)),
                (
                    "argv",
                    models.JSONField(
                        help_text='The program and its arguments as a list, for instance ["python3", "agent.py"].'
                    ),
                ),
                ("description", models.TextField(blank=True)),
                (
                    "environment",
                    models.JSONField(blank=True, default=dict, help_text="Fixed variables; never secrets."),
                ),
                ("is_enabled", models.BooleanField(default=True)),
                ("is_network_allowed", models.BooleanField(default=False)),
                ("version", models.PositiveIntegerField(default=1)),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                (
                    "registered_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="AgentProfile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=200)),
                ("runtime", models.CharField(default="digest", max_length=40)),
                ("model", models.CharField(blank=True, max_length=200)),
                ("instructions", models.TextField(blank=True)),
                ("permissions", models.JSONField(blank=True, default=dict)),
                ("user_comment", models.TextField(blank=True)),
                ("time_limit_s", models.PositiveIntegerField(default=900)),
                ("output_limit_bytes", models.PositiveBigIntegerField(default=16777216)),
                ("max_attempts", models.PositiveSmallIntegerField(default=3)),
                (
                    "max_rounds",
                    models.PositiveSmallIntegerField(
                        default=3, help_text="How often a failing gate sends the agent back."
                    ),
                ),
                ("is_archived", models.BooleanField(default=False)),
                ("version", models.PositiveIntegerField(default=1)),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="agent_profiles",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "command",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="profiles",
                        to="agents.runtimecommand",
                    ),
                ),
            ],
            options={
                "ordering": ["name", "id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("runtime", "command"), _negated=True), ("command__isnull", False), _connector="OR"
                        ),
                        name="command_runtime_names_a_command",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="StartRequest",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=20)),
                ("subject_id", models.BigIntegerField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("parked", "Parked behind a key"),
                            ("admitted", "Admitted"),
                            ("done", "Done"),
                            ("cancelled", "Cancelled"),
                            ("expired", "Expired"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("priority", models.PositiveSmallIntegerField(default=5)),
                ("agents", models.PositiveSmallIntegerField(default=1)),
                ("workspaces", models.PositiveSmallIntegerField(default=1)),
                ("concurrency_key", models.CharField(blank=True, max_length=80)),
                ("key_limit", models.PositiveIntegerField(blank=True, null=True)),
                ("is_resumed", models.BooleanField(default=False, help_text="Goes to the head of its priority.")),
                ("refs", models.JSONField(blank=True, default=dict)),
                ("reason", models.CharField(blank=True, help_text="Why it waits.", max_length=300)),
                ("queued_at", models.DateTimeField()),
                ("not_before", models.DateTimeField(blank=True, null=True)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("admitted_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-priority", "id"],
                "indexes": [
                    models.Index(
                        models.OrderBy(models.F("priority"), descending=True),
                        models.OrderBy(models.F("is_resumed"), descending=True),
                        models.F("id"),
                        condition=models.Q(("status", "waiting")),
                        name="start_ready",
                    ),
                    models.Index(
                        condition=models.Q(("status", "parked")), fields=["concurrency_key"], name="start_parked"
                    ),
                    models.Index(
                        condition=models.Q(("status__in", ["waiting", "parked"])),
                        fields=["expires_at"],
                        name="start_expiry",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status__in", ["waiting", "parked", "admitted"])),
                        fields=("kind", "subject_id"),
                        name="start_once_per_subject",
                    ),
                    models.CheckConstraint(condition=models.Q(("priority__range", (1, 10))), name="start_priority"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("status__in", ["waiting", "parked", "admitted", "done", "cancelled", "expired"])
                        ),
                        name="start_status_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Agent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("starting", "Starting"),
                            ("running", "Running"),
                            ("stopping", "Stopping"),
                            ("waiting", "Waiting for an answer"),
                            ("completed", "Completed"),
                            ("failed", "Failed"),
                            ("stopped", "Stopped"),
                        ],
                        default="pending",
                        max_length=20,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=1000)),
                ("checkpoint", models.JSONField(blank=True, default=dict)),
                ("attempt", models.PositiveSmallIntegerField(default=0)),
                ("rounds", models.PositiveSmallIntegerField(default=0)),
                (
                    "waits_for",
                    models.CharField(
                        blank=True,
                        choices=[("question", "An answer"), ("unsatisfied", "Deliverables that do not hold")],
                        help_text="While it is waiting.",
                        max_length=12,
                    ),
                ),
                (
                    "claims_done_at",
                    models.DateTimeField(blank=True, help_text="It says it is done; the gate looks.", null=True),
                ),
                ("next_epoch", models.PositiveIntegerField(default=1)),
                ("not_before", models.DateTimeField(blank=True, null=True)),
                ("deadline_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField()),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="agents", to="workspaces.workspace"
                    ),
                ),
                (
                    "profile",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="agents", to="agents.agentprofile"
                    ),
                ),
                (
                    "start",
                    models.ForeignKey(
                        blank=True,
                        help_text="Holds its slot.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="agents_started",
                        to="agents.startrequest",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("status", "pending")), fields=["not_before", "id"], name="agent_to_start"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                [
                                    "pending",
                                    "starting",
                                    "running",
                                    "stopping",
                                    "waiting",
                                    "completed",
                                    "failed",
                                    "stopped",
                                ],
                            )
                        ),
                        name="agent_status_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Limits",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("max_agents", models.PositiveIntegerField(default=4)),
                ("max_workspaces", models.PositiveIntegerField(default=20)),
                (
                    "reserved_percent",
                    models.PositiveSmallIntegerField(default=25, help_text="Share kept for high priority."),
                ),
                ("reserved_from_priority", models.PositiveSmallIntegerField(default=8)),
                ("is_paused", models.BooleanField(default=False, help_text="Nothing new starts.")),
                ("version", models.PositiveIntegerField(default=1)),
            ],
            options={
                "verbose_name_plural": "limits",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="limits_one_row"),
                    models.CheckConstraint(condition=models.Q(("reserved_percent__lte", 100)), name="limits_percent"),
                    models.CheckConstraint(
                        condition=models.Q(("reserved_from_priority__range", (1, 10))), name="limits_priority"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ObsoleteAgentRecord",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("profile", models.JSONField(help_text="The profile as it was.")),
                ("conversation", models.BinaryField()),
                ("conversation_size", models.PositiveBigIntegerField(help_text="Bytes before compression.")),
                ("message_count", models.PositiveIntegerField()),
                ("checkpoint", models.JSONField(default=dict)),
                ("reason", models.CharField(max_length=1000)),
                ("by_label", models.CharField(max_length=150)),
                ("at", models.DateTimeField()),
                (
                    "agent",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="obsolete_record", to="agents.agent"
                    ),
                ),
                (
                    "by",
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
                        related_name="obsolete_agents",
                        to="workspaces.workspace",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="SlotHolder",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("pool", models.CharField(choices=[("agents", "Agents"), ("workspaces", "Workspaces")], max_length=12)),
                ("units", models.PositiveSmallIntegerField(default=1)),
                (
                    "is_reserved_class",
                    models.BooleanField(
                        default=False, help_text="Admitted with a priority that may use the reserved share."
                    ),
                ),
                ("taken_at", models.DateTimeField()),
                (
                    "start",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="holders", to="agents.startrequest"
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("pool", "start"), name="holder_once")],
            },
        ),
        migrations.CreateModel(
            name="AgentIntent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("start", "Start"), ("stop", "Stop"), ("update", "Update"), ("restore", "Restore")],
                        max_length=10,
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[("pending", "Pending"), ("done", "Done"), ("dropped", "Dropped")],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("payload", models.JSONField(blank=True, default=dict)),
                ("reason", models.CharField(blank=True, max_length=1000)),
                ("by", models.CharField(max_length=150)),
                ("at", models.DateTimeField()),
                ("settled_at", models.DateTimeField(blank=True, null=True)),
                (
                    "agent",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="intents", to="agents.agent"
                    ),
                ),
                (
                    "wisher",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("status", "pending")), fields=["agent", "id"], name="intents_pending"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="AgentRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("epoch", models.PositiveIntegerField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("starting", "Starting"),
                            ("running", "Running"),
                            ("stopping", "Stopping"),
                            ("ended", "Ended"),
                            ("lost", "Lost"),
                        ],
                        default="starting",
                        max_length=10,
                    ),
                ),
                ("owner", models.CharField(max_length=100)),
                ("lease_until", models.DateTimeField()),
                ("pid", models.PositiveIntegerField(null=True)),
                ("pid_started", models.BigIntegerField(null=True)),
                ("boot_id", models.CharField(blank=True, max_length=40)),
                ("sandbox", models.CharField(blank=True, max_length=20)),
                ("exit_code", models.SmallIntegerField(null=True)),
                ("end_reason", models.CharField(blank=True, max_length=1000)),
                ("output_bytes", models.PositiveBigIntegerField(default=0)),
                ("last_message_seq", models.PositiveIntegerField(default=0)),
                ("started_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "agent",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="runs", to="agents.agent"
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("status__in", ["starting", "running", "stopping"])),
                        fields=["lease_until"],
                        name="run_leases",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("agent", "epoch"), name="run_epoch_once"),
                    models.UniqueConstraint(
                        condition=models.Q(("status__in", ["starting", "running", "stopping"])),
                        fields=("agent",),
                        name="run_one_alive_per_agent",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["starting", "running", "stopping", "ended", "lost"])),
                        name="run_status_known",
                    ),
                ],
            },
        ),
    ]
