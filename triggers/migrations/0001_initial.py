# Indexes and constraints stand in the models that they belong to: on SQLite each one that is added later copies its table.

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import triggers.models.endpoint


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("agents", "0001_initial"),
        ("workspaces", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Event",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("delivery_id", models.BigIntegerField(null=True)),
                ("external_id", models.CharField(max_length=300)),
                ("source", models.CharField(max_length=20)),
                ("type", models.CharField(max_length=100)),
                ("subject", models.CharField(blank=True, max_length=500)),
                ("actor", models.CharField(blank=True, max_length=300)),
                ("time", models.DateTimeField()),
                (
                    "origin",
                    models.CharField(
                        choices=[
                            ("live", "Live"),
                            ("backfill", "Backfill"),
                            ("replay", "Replay"),
                            ("manual", "By hand"),
                            ("timer", "Timer"),
                            ("internal", "Internal"),
                        ],
                        default="live",
                        max_length=10,
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
                ("facts", models.JSONField(default=dict)),
                ("data", models.JSONField(default=dict)),
                ("changes", models.JSONField(default=dict)),
                ("before", models.JSONField(default=dict)),
                ("item_version", models.PositiveBigIntegerField(null=True)),
                ("change_key", models.CharField(blank=True, max_length=300)),
                ("is_late", models.BooleanField(default=False)),
                ("hop", models.PositiveSmallIntegerField(default=0)),
                (
                    "target_trigger_id",
                    models.BigIntegerField(
                        help_text="Only this trigger is asked (fired by hand, replayed).", null=True
                    ),
                ),
                ("accepted_at", models.DateTimeField()),
                ("decided_at", models.DateTimeField()),
                ("generation", models.PositiveBigIntegerField()),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="events", to="accounts.connection"
                    ),
                ),
                (
                    "item",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="events",
                        to="workspaces.contextitem",
                    ),
                ),
                (
                    "replay_of",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="replays",
                        to="triggers.event",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["connection", "-id"], name="event_by_connection"),
                    models.Index(fields=["item", "-id"], name="event_by_item"),
                    models.Index(fields=["delivery_id"], name="event_by_delivery"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Trigger",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=200)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("new", "New"),
                            ("active", "Active"),
                            ("shadow", "Shadow"),
                            ("paused", "Paused"),
                            ("disabled", "Disabled"),
                        ],
                        default="new",
                        max_length=10,
                    ),
                ),
                ("priority", models.PositiveSmallIntegerField(default=5)),
                ("draft", models.JSONField(default=dict)),
                ("pause_reason", models.CharField(blank=True, max_length=300)),
                ("last_fired_at", models.DateTimeField(blank=True, null=True)),
                (
                    "deleted_at",
                    models.DateTimeField(blank=True, help_text="Hidden and disabled; its history stays.", null=True),
                ),
                ("version", models.PositiveIntegerField(default=1)),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="triggers",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-priority", "name", "id"],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("priority__range", (1, 10))), name="trigger_priority"),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["new", "active", "shadow", "paused", "disabled"])),
                        name="trigger_status_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TriggerRevision",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("schema_version", models.PositiveSmallIntegerField(default=1)),
                ("document", models.JSONField()),
                ("note", models.CharField(blank=True, max_length=300)),
                ("created_at", models.DateTimeField()),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "trigger",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="revisions", to="triggers.trigger"
                    ),
                ),
            ],
            options={
                "ordering": ["-number"],
                "constraints": [models.UniqueConstraint(fields=("trigger", "number"), name="revision_number_once")],
            },
        ),
        migrations.CreateModel(
            name="Execution",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("item_id_at_start", models.BigIntegerField(null=True)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("starting", "Starting"),
                            ("running", "Running"),
                            ("verifying", "Verifying"),
                            ("needs_attention", "Needs you"),
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                            ("timed_out", "Timed out"),
                            ("expired", "Expired"),
                        ],
                        default="queued",
                        max_length=20,
                    ),
                ),
                (
                    "attention",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("review", "Review the draft"),
                            ("question", "Answer a question"),
                            ("unsatisfied", "Deliverables do not hold"),
                            ("approval", "Approve"),
                        ],
                        max_length=12,
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=1000)),
                ("priority", models.PositiveSmallIntegerField(default=5)),
                ("attempt", models.PositiveSmallIntegerField(default=0)),
                ("max_attempts", models.PositiveSmallIntegerField(default=3)),
                ("epoch", models.PositiveIntegerField(default=0)),
                ("lease_owner", models.CharField(blank=True, max_length=100)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                (
                    "takeovers",
                    models.PositiveSmallIntegerField(default=0, help_text="How often a launch was found cut off."),
                ),
                ("queued_at", models.DateTimeField()),
                ("not_before", models.DateTimeField(blank=True, null=True)),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("deadline_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("dead_lettered_at", models.DateTimeField(blank=True, null=True)),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="executions", to="triggers.event"
                    ),
                ),
                (
                    "start",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="agents.startrequest",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="executions",
                        to="workspaces.workspace",
                    ),
                ),
                (
                    "trigger",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="executions", to="triggers.trigger"
                    ),
                ),
                (
                    "revision",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="triggers.triggerrevision"
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["trigger", "-id"], name="execution_by_trigger"),
                    models.Index(fields=["status", "-id"], name="execution_by_status"),
                    models.Index(
                        condition=models.Q(("status", "starting")), fields=["lease_until"], name="execution_to_launch"
                    ),
                    models.Index(
                        condition=models.Q(("status__in", ["starting", "running", "verifying", "needs_attention"])),
                        fields=["deadline_at"],
                        name="execution_deadlines",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                [
                                    "queued",
                                    "starting",
                                    "running",
                                    "verifying",
                                    "needs_attention",
                                    "succeeded",
                                    "failed",
                                    "cancelled",
                                    "timed_out",
                                    "expired",
                                ],
                            )
                        ),
                        name="execution_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status", "needs_attention"), ("attention", ""), _connector="XOR"),
                        name="execution_attention_reason",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Attempt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveSmallIntegerField()),
                ("started_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("outcome", models.CharField(blank=True, max_length=20)),
                ("error", models.CharField(blank=True, max_length=1000)),
                (
                    "execution",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="attempts", to="triggers.execution"
                    ),
                ),
            ],
            options={
                "ordering": ["number"],
                "constraints": [models.UniqueConstraint(fields=("execution", "number"), name="attempt_number_once")],
            },
        ),
        migrations.CreateModel(
            name="Decision",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("fired", "Fired"),
                            ("shadowed", "Would have fired"),
                            ("not_matched", "Not matched"),
                            ("suppressed", "Suppressed"),
                            ("error", "Could not decide"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "suppressed_by",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("paused", "Paused"),
                            ("source_paused", "Source paused"),
                            ("cooldown", "Cooldown"),
                            ("rate", "Rate"),
                            ("overlap", "Overlap"),
                            ("own_write", "Own write"),
                            ("hop_limit", "Hop limit"),
                            ("stale", "Stale"),
                            ("late", "Late"),
                            ("storm", "Storm"),
                            ("owner_rights", "Owner's rights"),
                            ("feature_disabled", "Feature disabled"),
                        ],
                        max_length=20,
                    ),
                ),
                ("until", models.DateTimeField(blank=True, null=True)),
                ("detail", models.CharField(blank=True, max_length=500)),
                ("because", models.JSONField(default=dict)),
                ("facts", models.JSONField(default=dict)),
                ("generation", models.PositiveBigIntegerField()),
                ("at", models.DateTimeField()),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="decisions", to="triggers.event"
                    ),
                ),
                (
                    "trigger",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="decisions", to="triggers.trigger"
                    ),
                ),
                (
                    "revision",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="triggers.triggerrevision"
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [models.Index(fields=["trigger", "-id"], name="decision_by_trigger")],
                "constraints": [
                    models.UniqueConstraint(fields=("event", "trigger"), name="decision_once"),
                    models.CheckConstraint(
                        condition=models.Q(("outcome", "suppressed"), ("suppressed_by", ""), _connector="XOR"),
                        name="decision_suppressed_by",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("connection_id", models.BigIntegerField()),
                ("endpoint_id", models.BigIntegerField(null=True)),
                ("source", models.CharField(max_length=20)),
                (
                    "origin",
                    models.CharField(
                        choices=[
                            ("live", "Live"),
                            ("backfill", "Backfill"),
                            ("replay", "Replay"),
                            ("manual", "By hand"),
                            ("timer", "Timer"),
                            ("internal", "Internal"),
                        ],
                        default="live",
                        max_length=10,
                    ),
                ),
                ("delivery_key", models.CharField(max_length=300, null=True)),
                ("body", models.BinaryField()),
                ("body_hash", models.CharField(max_length=64)),
                ("headers", models.JSONField(default=dict)),
                (
                    "rejection",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("bad_signature", "The signature does not match"),
                            ("no_secret", "The endpoint has no secret"),
                            ("stale_timestamp", "The timestamp is more than 5 minutes off"),
                            ("too_large", "The body is too large"),
                            ("not_safe_json", "The body is not safe JSON"),
                            ("rate_limited", "Too many requests"),
                            ("not_understood", "The source's parser does not understand it"),
                            ("not_supported", "The source has no use for this kind of event"),
                        ],
                        max_length=20,
                    ),
                ),
                ("key_conflict", models.BooleanField(default=False)),
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
                ("generation", models.PositiveBigIntegerField(default=0)),
                ("received_at", models.DateTimeField()),
            ],
            options={
                "verbose_name_plural": "deliveries",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["connection_id", "-id"], name="delivery_by_connection"),
                    models.Index(
                        condition=models.Q(("rejection", ""), _negated=True),
                        fields=["endpoint_id", "-id"],
                        name="delivery_rejected",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("connection_id", "delivery_key", "body_hash"), name="delivery_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("rejection", ""), ("delivery_key", None), _connector="OR"),
                        name="rejected_claims_no_key",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ExecutionStep",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "name",
                    models.CharField(
                        choices=[
                            ("clone", "Clone the workspace"),
                            ("context", "Write the context"),
                            ("deploy", "Deploy the agent"),
                            ("work", "Agent at work"),
                            ("verify", "Prove the deliverables"),
                        ],
                        max_length=10,
                    ),
                ),
                ("position", models.PositiveSmallIntegerField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                            ("skipped", "Skipped"),
                        ],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("error", models.CharField(blank=True, max_length=1000)),
                (
                    "execution",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="steps", to="triggers.execution"
                    ),
                ),
            ],
            options={
                "ordering": ["position"],
                "constraints": [models.UniqueConstraint(fields=("execution", "name"), name="step_once")],
            },
        ),
        migrations.CreateModel(
            name="Firing",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "role",
                    models.CharField(
                        choices=[("primary", "Primary"), ("merged", "Merged"), ("batched", "Batched")],
                        default="primary",
                        max_length=10,
                    ),
                ),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="firings", to="triggers.event"
                    ),
                ),
                (
                    "execution",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="firings", to="triggers.execution"
                    ),
                ),
                (
                    "trigger",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="firings", to="triggers.trigger"
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("trigger", "event"), name="firing_once")],
            },
        ),
        migrations.CreateModel(
            name="Generation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("value", models.PositiveBigIntegerField(default=1)),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="generation_one_row")],
            },
        ),
        migrations.CreateModel(
            name="ContextListener",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "listener_type",
                    models.CharField(choices=[("webhook", "Webhook"), ("email", "Mail (IMAP poll)")], max_length=20),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("healthy", "Healthy"),
                            ("degraded", "Degraded"),
                            ("breaker_open", "Breaker open"),
                            ("credential_expired", "Credential expired"),
                            ("silent", "Silent"),
                            ("paused", "Paused"),
                        ],
                        default="healthy",
                        max_length=20,
                    ),
                ),
                ("status_reason", models.CharField(blank=True, max_length=500)),
                ("polling_interval_ms", models.PositiveIntegerField(default=60000)),
                ("cursor", models.JSONField(blank=True, default=dict)),
                ("last_checked", models.DateTimeField(blank=True, null=True)),
                ("next_due_at", models.DateTimeField(blank=True, null=True)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("claimed_by", models.CharField(blank=True, max_length=100)),
                ("claimed_until", models.DateTimeField(blank=True, null=True)),
                ("version", models.PositiveIntegerField(default=1)),
                ("created_at", models.DateTimeField()),
                (
                    "connection",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="listeners", to="accounts.connection"
                    ),
                ),
                (
                    "item",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="listeners",
                        to="workspaces.contextitem",
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("next_due_at__isnull", False)), fields=["next_due_at"], name="listener_due"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("connection", "item"), name="listener_once_per_item"),
                    models.UniqueConstraint(
                        condition=models.Q(("item", None)), fields=("connection",), name="listener_once_per_connection"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("polling_interval_ms__gte", 1000)), name="listener_interval"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                ["healthy", "degraded", "breaker_open", "credential_expired", "silent", "paused"],
                            )
                        ),
                        name="listener_status_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RevisionListener",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "listener",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="heard_by_revisions",
                        to="triggers.contextlistener",
                    ),
                ),
                (
                    "revision",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="listening",
                        to="triggers.triggerrevision",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("revision", "listener"), name="revision_listener_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="SeenChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("connection_id", models.BigIntegerField()),
                ("change_key", models.CharField(max_length=300)),
                ("event_id", models.BigIntegerField(null=True)),
                ("seen_at", models.DateTimeField(db_index=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("connection_id", "change_key"), name="change_seen_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="TriggerListener",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "listener",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="heard_by",
                        to="triggers.contextlistener",
                    ),
                ),
                (
                    "trigger",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="listening", to="triggers.trigger"
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("trigger", "listener"), name="trigger_listener_once")],
            },
        ),
        migrations.CreateModel(
            name="TriggerStanding",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("generation", models.PositiveBigIntegerField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("new", "New"),
                            ("active", "Active"),
                            ("shadow", "Shadow"),
                            ("paused", "Paused"),
                            ("disabled", "Disabled"),
                        ],
                        max_length=10,
                    ),
                ),
                ("at", models.DateTimeField()),
                (
                    "revision",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="triggers.triggerrevision",
                    ),
                ),
                (
                    "trigger",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="standings", to="triggers.trigger"
                    ),
                ),
            ],
            options={
                "ordering": ["-generation"],
                "constraints": [
                    models.UniqueConstraint(fields=("trigger", "generation"), name="standing_once_per_generation"),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["new", "active", "shadow", "paused", "disabled"])),
                        name="standing_status_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WebhookEndpoint",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("path", models.CharField(default=triggers.models.endpoint.new_path, max_length=64, unique=True)),
                (
                    "verification",
                    models.CharField(
                        choices=[
                            ("github", "GitHub (X-Hub-Signature-256)"),
                            ("hmac_sha256", "HMAC-SHA256 of the raw body"),
                        ],
                        max_length=20,
                    ),
                ),
                ("signature_header", models.CharField(blank=True, max_length=80)),
                ("timestamp_header", models.CharField(blank=True, max_length=80)),
                ("id_header", models.CharField(blank=True, max_length=80)),
                (
                    "id_path",
                    models.CharField(
                        blank=True, help_text="Dotted path to the delivery's id in the body.", max_length=200
                    ),
                ),
                ("allowed_actors", models.JSONField(blank=True, default=list)),
                ("max_body_bytes", models.PositiveIntegerField(default=2097152)),
                ("rate_per_minute", models.PositiveIntegerField(default=6000)),
                ("is_enabled", models.BooleanField(default=True)),
                ("version", models.PositiveIntegerField(default=1)),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                (
                    "connection",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="endpoint", to="accounts.connection"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="DeliveryDuplicates",
            fields=[
                (
                    "delivery",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="duplicates",
                        serialize=False,
                        to="triggers.delivery",
                    ),
                ),
                ("count", models.PositiveIntegerField(default=0)),
                ("last_at", models.DateTimeField()),
            ],
            options={
                "verbose_name_plural": "delivery duplicates",
            },
        ),
        migrations.CreateModel(
            name="DeliveryOutcome",
            fields=[
                (
                    "delivery",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="outcome",
                        serialize=False,
                        to="triggers.delivery",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("received", "Received"),
                            ("decided", "Decided"),
                            ("refused", "Refused"),
                            ("rejected", "Rejected"),
                            ("error", "Error"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("bad_signature", "The signature does not match"),
                            ("no_secret", "The endpoint has no secret"),
                            ("stale_timestamp", "The timestamp is more than 5 minutes off"),
                            ("too_large", "The body is too large"),
                            ("not_safe_json", "The body is not safe JSON"),
                            ("rate_limited", "Too many requests"),
                            ("not_understood", "The source's parser does not understand it"),
                            ("not_supported", "The source has no use for this kind of event"),
                        ],
                        max_length=20,
                    ),
                ),
                ("detail", models.CharField(blank=True, max_length=500)),
                ("event_count", models.PositiveIntegerField(default=0)),
                ("decided_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="PendingDelivery",
            fields=[
                (
                    "delivery",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="pending",
                        serialize=False,
                        to="triggers.delivery",
                    ),
                ),
                ("tries", models.PositiveSmallIntegerField(default=0)),
            ],
            options={
                "verbose_name_plural": "pending deliveries",
            },
        ),
        migrations.AddField(
            model_name="trigger",
            name="listeners",
            field=models.ManyToManyField(
                related_name="triggers", through="triggers.TriggerListener", to="triggers.contextlistener"
            ),
        ),
        migrations.AddField(
            model_name="trigger",
            name="published",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="triggers.triggerrevision",
            ),
        ),
        migrations.AddConstraint(
            model_name="trigger",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status", "new"), ("published__isnull", False), ("status", "disabled"), _connector="OR"
                ),
                name="trigger_has_revision",
            ),
        ),
    ]
