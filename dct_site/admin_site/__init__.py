"""The admin as one site: who may enter, in which order its rooms stand."""
