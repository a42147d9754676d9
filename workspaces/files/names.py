"""Which relative paths are allowed: plain names between single slashes, nothing that leads elsewhere."""

import unicodedata

from workspaces.files.troubles import BadPath

NAME_BYTES = 200
PATH_BYTES = 1000


def parts_of(relative: str) -> tuple[str, ...]:
    """The components of a relative path.

    Raises BadPath for an absolute path, ``..`` or ``.``, an empty component, a backslash, a NUL or other control
    character, a lone surrogate, a name above 200 bytes or a path above 1,000.
    """
    shown = relative.encode("ascii", "backslashreplace").decode()[:80]
    try:
        size = len(relative.encode())
    except UnicodeEncodeError:
        raise BadPath(f"“{shown}” is not valid Unicode.") from None
    if not relative or size > PATH_BYTES:
        raise BadPath(f"A path has 1 to {PATH_BYTES} bytes; this one has {size}.")
    if relative.startswith("/"):
        raise BadPath(f"“{shown}” is absolute; give a path inside the workspace.")
    parts = tuple(relative.split("/"))
    for part in parts:
        _check(part, shown)
    return parts


def _check(part: str, shown: str) -> None:
    if part in {"", ".", ".."}:
        raise BadPath(f"“{shown}” has an empty, “.” or “..” component.")
    if len(part.encode()) > NAME_BYTES:
        raise BadPath(f"“{shown}” has a name of more than {NAME_BYTES} bytes.")
    if "\\" in part or any(unicodedata.category(letter) == "Cc" for letter in part):
        raise BadPath(f"“{shown}” has a backslash or a control character in a name.")


def strict_parts_of(relative: str) -> tuple[str, ...]:
    """``parts_of`` for names that DCT itself takes in (uploads, packages): also composed (NFC) and without a drive."""
    parts = parts_of(relative)
    if unicodedata.normalize("NFC", relative) != relative:
        raise BadPath("The path is not in Unicode's composed form (NFC).")
    if ":" in parts[0]:
        raise BadPath("The path begins with a drive or a scheme.")
    return parts
