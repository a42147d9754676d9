"""Live status: one follower of the journal per web process, and the websockets that it feeds."""
