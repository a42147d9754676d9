"""What the triggers room reads, filtered by who asks."""
