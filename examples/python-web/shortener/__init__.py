"""Short names for long addresses, kept in SQLite."""
