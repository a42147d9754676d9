"""The door, sources, conditions, decisions, executions and the clock."""
