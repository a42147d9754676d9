"""Mail: raw messages to events, and the mailbox that is polled for them over IMAP."""
