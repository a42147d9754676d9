"""The API of the deliverables room."""
