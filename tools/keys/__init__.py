"""Keys that never leave Vault, and those they wrap."""
