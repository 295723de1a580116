"""Owns the identity tokens: signed statements by which an entity shows elsewhere who it is."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass

from bailiwick.tools.devvault.envelope import EMPTY, Answer, Request
from bailiwick.tools.devvault.fields import Fields
from bailiwick.tools.devvault.identity.jwt import key_id
from bailiwick.tools.devvault.identity.oidc_keys import DAY, NamedKey, OidcKeys
from bailiwick.tools.devvault.identity.store import IdentityStore
from bailiwick.tools.devvault.refusals import invalid
from bailiwick.tools.devvault.routes import Route, stored
from bailiwick.tools.devvault.templates import EntityFacts, UnresolvedError, fill
from bailiwick.tools.devvault.tokens import random_text

_RESERVED = ("iat", "aud", "exp", "iss", "sub", "namespace", "nonce", "at_hash", "c_hash")


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """Hold what tokens of one role say, for whom and for how long."""

    key: str
    client_id: str
    template: str
    ttl: int

    @property
    def shown(self) -> dict[str, object]:
        """What a read answers."""
        return {
            "key": self.key,
            "client_id": self.client_id,
            "template": self.template,
            "ttl": self.ttl,
        }


class Oidc:
    """Answer `identity/oidc`, the keys' own paths excepted."""

    def __init__(self, store: IdentityStore, oidc_keys: OidcKeys) -> None:
        self._store = store
        self._keys = oidc_keys
        self._roles: dict[str, Role] = {}
        self._issuer = ""

    @property
    def routes(self) -> Sequence[Route]:
        """The paths below `identity/`."""
        known = r"oidc/\.well-known"
        return (
            Route(pattern=r"oidc/config/?", read=self._read_config, update=self._write_config),
            *stored("oidc/role", self._roles, self._write_role, lambda role: role.shown),
            Route(pattern=r"oidc/token/(?P<name>[^/]+)", read=self._token),
            Route(pattern=r"oidc/introspect/?", update=self._introspect),
            Route(pattern=rf"{known}/openid-configuration/?", read=self._discovery, is_open=True),
            Route(pattern=rf"{known}/keys/?", read=self._public_keys, is_open=True),
        )

    def _read_config(self, _: Request) -> Answer:
        return Answer(data={"issuer": self._issuer})

    def _write_config(self, request: Request) -> Answer:
        self._issuer = request.body.text("issuer").rstrip("/")
        if not self._issuer:
            return EMPTY
        hint = (
            'If "issuer" is set explicitly, all tokens must be validated against that address, '
            "including those issued by secondary clusters."
        )
        return Answer(warnings=[hint])

    def _write_role(self, request: Request) -> Answer:
        body, name = request.body, request.params["name"]
        known = self._roles.get(name)
        new = Role(key="", client_id=random_text(26), template="", ttl=DAY)
        before = known or new
        role = Role(
            key=body.text("key", before.key),
            client_id=body.text("client_id", before.client_id),
            template=_plain(body.text("template", before.template)),
            ttl=body.seconds("ttl", before.ttl),
        )
        if not role.key:
            raise invalid("the key parameter is required")
        key = self._keys.find(role.key)
        if key is not None and role.ttl > key.verification_ttl:
            raise invalid(
                "a role's token ttl cannot be longer than the verification_ttl of its key"
            )
        _check_template(role.template)
        self._roles[name] = role
        return EMPTY

    def _token(self, request: Request) -> Answer:
        role = self._roles.get(request.params["name"])
        if role is None:
            raise invalid(f"role {request.params['name']!r} not found")
        entity_id = request.caller.entity_id if request.caller else ""
        facts = self._store.facts(entity_id)
        if facts is None:
            raise invalid("no entity associated with the request's token")
        key = self._key(role, request.params["name"])
        now = int(self._store.now())
        claims = {
            **_extra(role.template, facts),
            "iss": self._base,
            "sub": facts.id,
            "aud": role.client_id,
            "iat": now,
            "exp": now + role.ttl,
            "namespace": "root",
        }
        token = key.live(self._store.now())[0].sign(claims)
        return Answer(data={"token": token, "client_id": role.client_id, "ttl": role.ttl})

    def _key(self, role: Role, name: str) -> NamedKey:
        key = self._keys.find(role.key)
        if key is None:
            raise invalid(f"key {role.key!r} not found")
        if not {role.client_id, "*"} & set(key.allowed_client_ids):
            raise invalid(
                f"the key {role.key!r} does not list the client ID of the role {name!r} as an "
                "allowed client ID"
            )
        return key

    def _introspect(self, request: Request) -> Answer:
        return Answer(body={"active": self._claims(request.body) is not None})

    def _claims(self, body: Fields) -> dict[str, object] | None:
        token, client_id = body.text("token"), body.text("client_id")
        signed_with = key_id(token)
        key = next((key for key in self._keys.live() if key.id == signed_with), None)
        claims = key.claims(token) if key is not None else None
        if claims is None or (client_id and claims.get("aud") != client_id):
            return None
        entity = self._store.entity(str(claims.get("sub")))
        is_over = int(str(claims.get("exp"))) <= self._store.now()
        return None if is_over or entity is None or entity.disabled else claims

    def _discovery(self, _: Request) -> Answer:
        return Answer(
            body={
                "issuer": self._base,
                "jwks_uri": f"{self._base}/.well-known/keys",
                "authorization_endpoint": "",
                "id_token_signing_alg_values_supported": sorted(
                    {key.algorithm for key in self._keys.live()}
                ),
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
            }
        )

    def _public_keys(self, _: Request) -> Answer:
        return Answer(body={"keys": [key.jwk for key in self._keys.live()]})

    @property
    def _base(self) -> str:
        return f"{self._issuer}/v1/identity/oidc"


def _plain(template: str) -> str:
    try:
        return base64.b64decode(template, validate=True).decode()
    except (binascii.Error, ValueError):
        return template


def _check_template(template: str) -> None:
    nobody = EntityFacts(id="", name="")
    found = _extra(template, nobody)
    reserved = [name for name in _RESERVED if name in found]
    if reserved:
        raise invalid(f"top level key {reserved[0]!r} not allowed in a template")


def _extra(template: str, facts: EntityFacts) -> dict[str, object]:
    """Return a template's claims; what cannot be filled in is an empty text."""
    if not template:
        return {}
    try:
        # Vault's placeholders stand for JSON values: texts come with their quotation marks.
        filled = _filled(template, facts)
        found = json.loads(filled)
    except ValueError:
        raise invalid("error parsing template JSON") from None
    if not isinstance(found, dict):
        raise invalid("error parsing template JSON: an object is expected")
    return found


def _filled(template: str, facts: EntityFacts) -> str:
    parts: list[str] = []
    rest = template
    while "{{" in rest:
        before, _, after = rest.partition("{{")
        name, _, rest = after.partition("}}")
        parts += [before, json.dumps(_value(name.strip(), facts))]
    return "".join([*parts, rest])


def _value(name: str, facts: EntityFacts) -> object:
    if name == "identity.entity.groups.names":
        return sorted(facts.group_names.values())
    if name == "identity.entity.groups.ids":
        return sorted(facts.group_names)
    if name == "identity.entity.metadata":
        return dict(facts.metadata)
    try:
        return fill(f"{{{{{name}}}}}", facts)
    except UnresolvedError:
        return ""
