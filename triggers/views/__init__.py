"""The pages of the triggers room."""
