"""The pages of the agents room."""
