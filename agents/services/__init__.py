"""What changes agents, their runs and capacity: one use-case a file."""
