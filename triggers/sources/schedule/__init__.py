"""The clock as a source: what it says when a slot of a schedule is due."""
