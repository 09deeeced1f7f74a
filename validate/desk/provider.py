"""Provider: sign-in through OpenID Connect, by authorization code with PKCE, state and nonce.

The provider says who somebody is; what they may do stands in the study's own accounts, and whoever has
none there does not come in.  An errand to the provider is kept here, under the hash of its state, and
ends with its first return.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from authlib.integrations.base_client import OAuthError
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from extract.errors import CohortlockError, Refused, SourceUnreachable
from validate.desk.file import DeskFile
from validate.desk.settings import Provider

__all__ = ["OpenId"]

_ERRAND: Final = 600.0
_LEEWAY: Final = 60
_ALGORITHMS: Final = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
"""Public keys only: a provider's public key can never be taken for a shared secret, and "none" for a signature."""
_REFUSED: Final = ("the provider's answer was not accepted", "Begin again at the sign-in page.")


class OpenId:
    """The study's provider; asked for its addresses and keys when somebody first signs in."""

    def __init__(self, provider: Provider, file: DeskFile, clock: Callable[[], float] = time.time) -> None:
        self._held = provider
        self._file = file
        self._clock = clock
        self._guard = threading.Lock()
        self._told: dict[str, Any] | None = None

    def known_origin(self) -> str:
        """Where a browser is sent to, as scheme://host:port; "" while the provider does not answer."""
        try:
            parts = urlsplit(self._about()["authorization_endpoint"])
        except CohortlockError:
            return ""
        return f"{parts.scheme}://{parts.netloc}"

    def begin(self, back: str) -> tuple[str, str]:
        """The provider's page to go to, and the state that the browser keeps. Raises SourceUnreachable."""
        about = self._about()
        verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
        with self._client(back) as client:
            address, state = client.create_authorization_url(
                about["authorization_endpoint"], code_verifier=verifier, nonce=nonce
            )
        now = self._clock()
        self._file.write("DELETE FROM errand WHERE begun < ?", now - _ERRAND)
        self._file.write("INSERT INTO errand VALUES (?, ?, ?, ?)", _hash(state), verifier, nonce, now)
        return str(address), str(state)

    def finish(self, back: str, *, kept: str, state: str, code: str) -> str:
        """The account id of whom the provider vouches for. Raises Refused, SourceUnreachable.

        ``kept`` is the state that this browser was given: another's answer is not taken.
        """
        found = self._file.rows(
            "SELECT verifier, nonce, begun FROM errand WHERE state_hash = ?", _hash(state)
        )
        mine = bool(kept) and secrets.compare_digest(_hash(kept), _hash(state))
        if not (mine and found and self._file.write("DELETE FROM errand WHERE state_hash = ?", _hash(state))):
            raise Refused(*_REFUSED)
        verifier, nonce, begun = found[0]
        if self._clock() - begun > _ERRAND or not code:
            raise Refused(*_REFUSED)
        about = self._about()
        try:
            with self._client(back) as client:
                given = client.fetch_token(about["token_endpoint"], code=code, code_verifier=verifier)
            keys = KeySet.import_key_set(httpx.get(about["jwks_uri"], timeout=10.0).raise_for_status().json())
            token = jwt.decode(given["id_token"], keys, algorithms=_ALGORITHMS)
            return self._vouched(token.claims, nonce)
        except (OAuthError, JoseError, KeyError, ValueError):
            raise Refused(*_REFUSED) from None
        except httpx.HTTPError:
            raise _silent() from None

    def _vouched(self, claims: dict[str, Any], nonce: str) -> str:
        now = int(self._clock())
        registry = jwt.JWTClaimsRegistry(
            now=now,
            leeway=_LEEWAY,
            iss={"essential": True, "value": self._about()["issuer"]},
            aud={"essential": True, "value": self._held.client_id},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        registry.validate(claims)
        shared = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if shared and claims.get("azp") != self._held.client_id:
            raise Refused(*_REFUSED)
        account = claims.get(self._held.account_claim)
        if not isinstance(account, str) or not account:
            raise Refused(
                "the provider does not say which account this is",
                "The data manager sets `account_claim` in desk.toml.",
            )
        return account

    def _about(self) -> dict[str, Any]:
        with self._guard:
            if self._told is None:
                address = f"{self._held.issuer}/.well-known/openid-configuration"
                try:
                    told = httpx.get(address, timeout=10.0).raise_for_status().json()
                    # A provider that names another as itself is not the one that was asked.
                    if str(told["issuer"]).rstrip("/") != self._held.issuer:
                        raise Refused("desk.toml: the provider calls itself otherwise", "Correct the issuer.")
                    self._told = {
                        name: str(told[name])
                        for name in ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
                    }
                except (httpx.HTTPError, KeyError, ValueError, TypeError):
                    raise _silent() from None
            return self._told

    def _client(self, back: str) -> Any:
        with warnings.catch_warnings():
            # It would rather have a successor of httpx, which nothing else here knows yet.
            warnings.simplefilter("ignore", DeprecationWarning)
            from authlib.integrations.httpx_client import OAuth2Client
        secret = self._held.secret
        return OAuth2Client(
            client_id=self._held.client_id,
            client_secret=secret or None,
            token_endpoint_auth_method="client_secret_basic" if secret else "none",
            scope="openid profile email",
            redirect_uri=back,
            code_challenge_method="S256",
            timeout=10.0,
        )


def _silent() -> SourceUnreachable:
    return SourceUnreachable(
        "the provider of identities does not answer", "Try again; if it lasts, tell the data manager."
    )


def _hash(state: str) -> str:
    return hashlib.sha256(state.encode(errors="replace")).hexdigest()
