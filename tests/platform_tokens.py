"""Owns an issuer of tokens as the tests' platforms have one: its key, and what it vouches for."""

import time
from dataclasses import dataclass, field

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """Sign tokens with a key of its own."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=_new_key, repr=False)

    @property
    def public_key(self) -> str:
        """What its tokens are checked with, as PEM."""
        public = self.key.public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def token(self, subject: str, **claims: object) -> str:
        """Return a token of somebody, good for ten minutes; a claim that is None is left out."""
        now = time.time()
        said = {"sub": subject, "iat": now, "exp": now + 600, **claims}
        given = {name: claim for name, claim in said.items() if claim is not None}
        return jwt.encode(given, self.key, algorithm="ES256")

    def pod_token(
        self, space: str, account: str, *, audience: str = "vault", **claims: object
    ) -> str:
        """Return a token of a service account, as Kubernetes projects it into a pod."""
        who = {"namespace": space, "serviceaccount": {"name": account, "uid": f"uid-{account}"}}
        subject = f"system:serviceaccount:{space}:{account}"
        return self.token(subject, aud=[audience], **{"kubernetes.io": who, **claims})
