"""The only way to files of workspaces and templates: never out of the root or through a link, never half-written."""

from workspaces.files.copying import copy_tree
from workspaces.files.differing import Changed, Changes, changes
from workspaces.files.places import data_dir, root_of, template_root
from workspaces.files.reading import Entry, Listing, checksum, list_tree, open_inside, read_all, read_range, size_of
from workspaces.files.space import enough_space, free_share, room_for_intake
from workspaces.files.troubles import BadPath, FileTrouble, Missing, NoSpace, NotAFile, TooMany
from workspaces.files.writing import delete_file, make_directories, remove_tree, write_atomic

__all__ = [
    "BadPath",
    "Changed",
    "Changes",
    "Entry",
    "FileTrouble",
    "Listing",
    "Missing",
    "NoSpace",
    "NotAFile",
    "TooMany",
    "changes",
    "checksum",
    "copy_tree",
    "data_dir",
    "delete_file",
    "enough_space",
    "free_share",
    "list_tree",
    "make_directories",
    "open_inside",
    "read_all",
    "read_range",
    "remove_tree",
    "room_for_intake",
    "root_of",
    "size_of",
    "template_root",
    "write_atomic",
]
