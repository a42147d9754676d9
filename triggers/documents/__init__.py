"""The trigger document: what may be in it, and a typed reading of one that is published."""

from triggers.documents.reading import Document, LimitsPart, ListenerPart, read
from triggers.documents.shape import empty_document, shape_problems

__all__ = ["Document", "LimitsPart", "ListenerPart", "empty_document", "read", "shape_problems"]
