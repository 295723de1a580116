"""`bailiwick vault`: a Vault set up, swept, or started for development."""
