from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0004_admission"),
    ]

    operations = [
        migrations.AddField(
            model_name="startrequest",
            name="is_in_turn",
            field=models.BooleanField(
                db_default=False, default=False, help_text="Starts only when what is before it for its item has ended."
            ),
        ),
        migrations.AddIndex(
            model_name="startrequest",
            index=models.Index(
                condition=models.Q(("is_in_turn", True), ("status__in", ["waiting", "parked", "admitted"])),
                fields=["concurrency_key", "item_key", "subject_id"],
                name="start_turns",
            ),
        ),
    ]
