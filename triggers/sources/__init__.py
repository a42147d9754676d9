"""The sources that DCT understands: a folder and one line here for each."""

from dct_site.kernel.registry import Registry
from triggers.sources.base import Source
from triggers.sources.cloudevents.source import SOURCE as CLOUDEVENTS
from triggers.sources.email.source import SOURCE as EMAIL
from triggers.sources.github.source import SOURCE as GITHUB
from triggers.sources.schedule.source import SOURCE as SCHEDULE
from triggers.sources.webhook.source import SOURCE as WEBHOOK

registry: Registry[Source] = Registry("sources")
for _source in (CLOUDEVENTS, EMAIL, GITHUB, SCHEDULE, WEBHOOK):
    registry.register(_source.kind, _source)
