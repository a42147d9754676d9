"""The limits that a new installation begins with, by its kind (``DCT_ENV``); from then on they are the database's."""

from collections.abc import Mapping

INITIAL: Mapping[str, Mapping[str, int]] = {
    "development": {"max_agents": 4, "max_workspaces": 20, "reserved_percent": 25},
    "production": {"max_agents": 8, "max_workspaces": 40, "reserved_percent": 25},
}
