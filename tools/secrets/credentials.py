"""Owns the credential that a tool function receives: readable once asked, nowhere by accident."""

import hmac
from collections.abc import Mapping
from typing import NoReturn

from bailiwick.policies.errors import ScopeError


class Credential:
    """Hold a leased secret for the length of one tool call.

    `reveal()` is the only way to the value. Printing, formatting, pickling, copying and comparing
    never show it, and after the call the value is gone.
    """

    __slots__ = ("_fields", "_path")

    def __init__(self, path: str, fields: Mapping[str, str]) -> None:
        self._path = path
        self._fields: dict[str, str] | None = dict(fields)

    def reveal(self, field: str | None = None) -> str:
        """Return the secret's value.

        Args:
            field: Which field of the secret; may be left out where there is only one.

        Raises:
            ScopeError: If the call has ended, or the secret has no such field.
        """
        if self._fields is None:
            raise ScopeError(f"the credential {self._path!r} ended with its call: lease it again")
        if field is None and len(self._fields) == 1:
            return next(iter(self._fields.values()))
        if field is None or field not in self._fields:
            names = ", ".join(sorted(self._fields))
            raise ScopeError(f"the credential {self._path!r} has the fields {names}: name one")
        return self._fields[field]

    def matches(self, text: str, field: str | None = None) -> bool:
        """Tell whether a text is the secret's value, in a time that tells nothing of it.

        Args:
            text: What is held against it, such as a signature that came in.
            field: As for `reveal`.

        Raises:
            ScopeError: As `reveal` does.
        """
        given, known = (each.encode(errors="surrogatepass") for each in (text, self.reveal(field)))
        return hmac.compare_digest(given, known)

    def another(self) -> "Credential":
        """Return a credential of the same value that ends by itself, for a call that shares it.

        Raises:
            ScopeError: If it has ended.
        """
        if self._fields is None:
            raise ScopeError(f"the credential {self._path!r} ended with its call: lease it again")
        return Credential(self._path, self._fields)

    def values(self) -> tuple[str, ...]:
        """Return every value, for redaction alone."""
        return tuple(self._fields.values()) if self._fields else ()

    def end(self) -> None:
        """Forget the value."""
        self._fields = None

    def __repr__(self) -> str:
        return f"Credential({self._path!r})"

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __reduce__(self) -> NoReturn:
        raise ScopeError(f"the credential {self._path!r} cannot be stored or copied")

    def __getstate__(self) -> NoReturn:
        self.__reduce__()

    def __copy__(self) -> NoReturn:
        self.__reduce__()

    def __deepcopy__(self, memo: object) -> NoReturn:
        self.__reduce__()
