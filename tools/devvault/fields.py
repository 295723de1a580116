"""Owns how the fields of a request body are read: Vault takes several spellings of one value."""

import re
from collections.abc import Mapping

from bailiwick.tools.devvault.refusals import invalid

UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhd])+")
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_TRUE = {"1", "t", "true", "yes"}
_FALSE = {"", "0", "f", "false", "no"}


class Fields(dict[str, object]):
    """Read typed values out of a JSON body, as lenient as Vault's framework and no more.

    A field that is absent or null gives the default; one of the wrong kind is refused with 400.
    """

    def text(self, name: str, default: str = "") -> str:
        """Return a text field; numbers are taken as their digits."""
        value = self.get(name)
        if value is None:
            return default
        if isinstance(value, bool | int | float | str):
            return str(value)
        raise invalid(f'error converting input for field "{name}": expected a string')

    def integer(self, name: str, default: int = 0) -> int:
        """Return a whole number, also when it is written as text."""
        value = self.get(name)
        if value is None:
            return default
        try:
            return int(str(value))
        except ValueError:
            raise invalid(f'error converting input for field "{name}": expected a number') from None

    def boolean(self, name: str, *, default: bool = False) -> bool:
        """Return a truth value, also when it is written as text."""
        value = self.get(name)
        if value is None:
            return default
        word = str(value).lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        raise invalid(f'error converting input for field "{name}": expected true or false')

    def seconds(self, name: str, default: int = 0) -> int:
        """Return a duration in seconds, given as a number or as text such as `1h30m`."""
        value = self.get(name)
        if value is None:
            return default
        try:
            return duration(value)
        except ValueError:
            raise invalid(f'error converting input for field "{name}": no duration') from None

    def strings(self, name: str) -> tuple[str, ...]:
        """Return a list of texts, also when it is written as one with commas."""
        value = self.get(name)
        if value is None:
            return ()
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        if isinstance(value, list):
            return tuple(str(part) for part in value)
        raise invalid(f'error converting input for field "{name}": expected a list')

    def mapping(self, name: str) -> dict[str, object] | None:
        """Return an object, or None where the field is absent."""
        value = self.get(name)
        if value is None:
            return None
        if isinstance(value, Mapping):
            return {str(key): item for key, item in value.items()}
        raise invalid(f'error converting input for field "{name}": expected an object')

    def texts(self, name: str) -> dict[str, str]:
        """Return an object of texts."""
        given = self.mapping(name) or {}
        if not all(isinstance(item, str) for item in given.values()):
            raise invalid(f'error converting input for field "{name}": expected texts')
        return {key: str(item) for key, item in given.items()}


def go_duration(seconds: int) -> str:
    """Return seconds as Vault writes a duration: `0s`, `30s`, `30m0s`, `1h0m0s`."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def duration(value: object) -> int:
    """Return seconds from a number or from text such as `90`, `90s` or `1h30m`.

    Raises:
        ValueError: If it is no duration.
    """
    if isinstance(value, bool):
        raise ValueError(value)  # noqa: TRY004 - one kind of error for a bad duration
    if isinstance(value, int | float):
        return int(value)
    text = str(value).strip()
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    if text and not _DURATION.fullmatch(text):
        raise ValueError(text)
    return int(sum(float(amount) * UNITS[unit] for amount, unit in _PART.findall(text)))
