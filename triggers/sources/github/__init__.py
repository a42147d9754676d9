"""GitHub: webhooks of repositories, organisations and apps."""
