"""Rows written and read without asking the ORM how, for the ways where every event comes by.

``bulk_create`` asks every field of every row how it wants to be written, through expressions that could be there: 60 to
100 µs of CPU a row, with the write lock held; a queryset takes 0.3 ms to be written, and a model's ``__init__`` 15 µs.
What is asked here once for a model is its columns and which of them need a change on the way.
"""

from dct_site.kernel.rows.cursors import cursor, one_cursor
from dct_site.kernel.rows.making import Row, made
from dct_site.kernel.rows.reading import found
from dct_site.kernel.rows.writing import append, insert, swap, swap_many, update

__all__ = ["Row", "append", "cursor", "found", "insert", "made", "one_cursor", "swap", "swap_many", "update"]
