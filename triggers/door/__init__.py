"""The door: a small ASGI application in front of Django that accepts webhooks, durably, before it answers."""
