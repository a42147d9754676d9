"""What the triggers room does: one use-case a file."""
