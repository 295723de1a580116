"""Owns what a supervisor is made of: its model, its tools, the ways between its agents."""
