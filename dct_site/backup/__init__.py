"""`./dct backup` and `./dct restore`: database and files in one archive, and back.

The database comes first, as it was at one moment, then the files of what it names; files are never taken away before
their rows, so that nothing of what the database knows is missing. Keys are never inside: see ADR 0027.
"""
