"""What every room stands on: moves, journal, registries, time, wake-ups, secrets, processes. It has no models."""
