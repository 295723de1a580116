"""Owns what lies below `sys/`: one module for each noun of the system's API."""
