"""The parent of the process tree: small, without Django; it starts web and engine, starts them again when they die,
and stops them.
"""
