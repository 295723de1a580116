"""Owns the identity engine as it is mounted: all its paths in one."""

from collections.abc import Sequence

from bailiwick.tools.devvault.identity.alias_paths import AliasPaths
from bailiwick.tools.devvault.identity.entity_paths import EntityPaths
from bailiwick.tools.devvault.identity.group_paths import GroupPaths
from bailiwick.tools.devvault.identity.lookup_paths import LookupPaths
from bailiwick.tools.devvault.identity.oidc import Oidc
from bailiwick.tools.devvault.identity.oidc_keys import OidcKeys
from bailiwick.tools.devvault.identity.store import IdentityStore
from bailiwick.tools.devvault.routes import Route


class Identity:
    """Answer everything below `identity/`."""

    def __init__(self, store: IdentityStore) -> None:
        entities, groups, oidc_keys = EntityPaths(store), GroupPaths(store), OidcKeys(store)
        self.routes: Sequence[Route] = (
            *entities.routes,
            *groups.routes,
            *AliasPaths(store).routes,
            *LookupPaths(store, entities, groups).routes,
            *oidc_keys.routes,
            *Oidc(store, oidc_keys).routes,
        )
