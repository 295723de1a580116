"""What is leased for one call: credentials, their records, their end."""
