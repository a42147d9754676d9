"""PostgreSQL's SQL without a PostgreSQL: the migration linter reads what a server would be sent, and sends nothing."""
