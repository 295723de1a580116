"""Owns the name of hvac's client, which has no types."""

from typing import Any, TypeAlias

Hvac: TypeAlias = Any
