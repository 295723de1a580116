"""What Vault gives for one call: the lease, and the credential that it holds."""
