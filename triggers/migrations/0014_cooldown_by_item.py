from django.db import migrations, models

from dct_site.kernel.migration_marks import AddIndexBesideWork


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("triggers", "0013_silence_and_what_ended"),
    ]

    operations = [
        migrations.AddField(
            model_name="firing",
            name="item_id",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="firing",
            name="accepted_at",
            field=models.DateTimeField(null=True),
        ),
        AddIndexBesideWork(
            model_name="firing",
            index=models.Index(
                condition=models.Q(("accepted_at__isnull", False)),
                fields=["trigger", "item_id", "accepted_at"],
                name="firing_of_item",
            ),
        ),
    ]
