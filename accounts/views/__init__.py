"""The pages of the accounts room, and what the pages of every room are built on (``base``, ``answers``, ``keyset``)."""
