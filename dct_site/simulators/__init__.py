"""The demo's outside world: a mail server of its own, and senders of mails and pull requests."""
