"""Owns the names by which a model's fields are read from JSON."""

from collections.abc import Iterator
from functools import lru_cache

from pydantic import AliasChoices, AliasPath, BaseModel
from pydantic.fields import FieldInfo


@lru_cache(maxsize=1024)
def read_names(model: type[BaseModel]) -> dict[str, tuple[str, ...]]:
    """Return the names that each field of a model is read by; the first is the one to write."""
    config = model.model_config
    by_alias = config.get("validate_by_alias") is not False
    by_name = config.get("validate_by_name") or config.get("populate_by_name") or not by_alias
    names: dict[str, tuple[str, ...]] = {}
    for name, field in model.model_fields.items():
        aliases = tuple(_aliases(field)) if by_alias else ()
        names[name] = (*aliases, name) if by_name or not aliases else aliases
    return names


def named_parts(model: BaseModel) -> dict[str, object]:
    """Return what a model holds, by the names to write.

    Raises:
        ValueError: If something that it does not know has the name of one of its fields.
    """
    known = {keys[0]: getattr(model, name) for name, keys in read_names(type(model)).items()}
    extra = model.model_extra or {}
    if both := known.keys() & extra.keys():
        raise ValueError(f"a model holds {min(both)!r} twice: rename one")
    return {**known, **extra}


def _aliases(field: FieldInfo) -> Iterator[str]:
    alias = field.validation_alias
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    yield from (choice for choice in choices if isinstance(choice, str))
    # A path leads on into what stands there: it can be read, and nothing is written by it.
    paths = (choice.path[0] for choice in choices if isinstance(choice, AliasPath))
    yield from (root for root in paths if isinstance(root, str))
