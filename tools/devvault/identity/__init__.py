"""Owns the identity engine: entities, their aliases and groups, and the tokens they can show."""
