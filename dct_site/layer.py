"""The channel layer: hints between processes, never the work and never the truth."""

from typing import Any

from channels.layers import get_channel_layer


def channel_layer() -> Any:
    """The configured layer (its methods are typed too loosely to be of use)."""
    return get_channel_layer()
