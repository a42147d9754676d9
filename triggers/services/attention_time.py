"""How long an execution waits for a person before it is timed out."""

from datetime import timedelta

ATTENTION_TIME = timedelta(days=7)
