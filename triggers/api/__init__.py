"""The API of the triggers room: from connections over events and decisions to executions, and the status."""
