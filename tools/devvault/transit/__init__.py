"""Owns the transit engine: encryption, signatures and digests with keys that stay inside."""
