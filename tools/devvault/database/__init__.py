"""The database secrets engine of the development Vault: users of a real PostgreSQL server."""
