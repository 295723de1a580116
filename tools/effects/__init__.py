"""The calls that change something: begun, settled, tried again, undone."""
