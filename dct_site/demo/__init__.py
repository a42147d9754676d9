"""The demo: a small company with a repository, a mailbox and people, to try everything on. Nothing in it fires by
itself.
"""
