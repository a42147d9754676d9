"""How much room is left: below one watermark nothing new is launched, so that what runs can finish; below a lower one
nothing new is taken in, so that the database can still commit.
"""

import shutil

from workspaces.files.places import data_dir

LAUNCH_WATERMARK = 0.05
INTAKE_WATERMARK = 0.02


def free_share() -> float:
    """The free share (0 to 1) of the disk under the data directory."""
    place = data_dir()
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    usage = shutil.disk_usage(place)
    return usage.free / usage.total if usage.total else 0.0


def enough_space() -> bool:
    """Whether launches may go on (at least 5 % free)."""
    return free_share() >= LAUNCH_WATERMARK


def room_for_intake() -> bool:
    """Whether the door may take deliveries in (at least 2 % free). Where the disk cannot be asked, the commit tells."""
    try:
        return free_share() >= INTAKE_WATERMARK
    except OSError:
        return True
