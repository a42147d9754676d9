"""The rules a file may have to satisfy, and each one's verdict about one look at it: no database, no disk."""
