"""Deciding: deliveries become events, and every event gets an answer from each trigger that listens."""
