"""Settings: desk.toml, how people sign in to the desk and under which names it answers; all of it optional."""

from __future__ import annotations

import os
import re
import tomllib
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from extract.errors import SiteInvalid
from extract.study.folder import StudyFolder

__all__ = ["Directory", "Provider", "Session", "Settings", "settings"]

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Session(_Strict):
    """How long somebody stays signed in, and what is asked of them."""

    idle_minutes: int = Field(default=30, ge=1, le=720)
    longest_hours: int = Field(default=12, ge=1, le=24)
    second_factor: Literal["optional", "required"] = "optional"
    """``required``: who signs in with a password and has no second factor may do nothing but set one up."""


class Provider(_Strict):
    """An OpenID Connect provider: who somebody is; what they may do stands in the study's own accounts."""

    issuer: str
    client_id: str
    client_secret: str = ""
    """``${NAME}`` takes it from the environment; empty for a public client."""
    account_claim: str = "preferred_username"
    """The claim of the ID token that holds the account's id in the study."""
    label: str = "OpenID Connect"

    @field_validator("issuer")
    @classmethod
    def _encrypted(cls, value: str) -> str:
        return _safe(value, "https")

    @property
    def secret(self) -> str:
        """The client's secret. Raises SiteInvalid where the environment does not hold it."""
        named = re.fullmatch(r"\$\{(\w+)\}", self.client_secret)
        if named is None:
            return self.client_secret
        if (found := os.environ.get(named[1])) is None:
            raise SiteInvalid(
                f"desk.toml: {named[1]} is not set", "Set it in the environment of `cohortlock desk`."
            )
        return found


class Directory(_Strict):
    """An LDAP directory that checks passwords; accounts and roles stay the study's own."""

    server: str
    bind: str = Field(pattern=r"\{account\}")
    """The name to bind as, ``uid={account},ou=people,dc=hospital,dc=cn``."""
    ca_file: str = ""
    seconds: int = Field(default=5, ge=1, le=60)

    @field_validator("server")
    @classmethod
    def _encrypted(cls, value: str) -> str:
        return _safe(value, "ldaps")


class Settings(_Strict):
    """The whole of desk.toml."""

    hosts: tuple[str, ...] = ()
    """Names under which the desk answers, beside loopback's; empty where any is answered to."""
    local_passwords: bool = True
    session: Session = Session()
    oidc: Provider | None = None
    ldap: Directory | None = None

    @model_validator(mode="after")
    def _some_door(self) -> Settings:
        if not self.local_passwords and self.oidc is None and self.ldap is None:
            raise ValueError("local_passwords = false needs [oidc] or [ldap], or nobody can sign in")
        return self

    def answers_to(self, host: str) -> bool:
        """Whether a request's Host header names this desk."""
        name = (urlsplit(f"//{host}").hostname or "") if _HOST.fullmatch(host) else ""
        return bool(name) and (not self.hosts or name in _LOOPBACK or name in {h.lower() for h in self.hosts})


_HOST: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+)(:\d{1,5})?", re.ASCII)


def settings(folder: StudyFolder) -> Settings:
    """What desk.toml of the study says. Raises SiteInvalid with the line or the key that is wrong."""
    file = folder.root / "desk.toml"
    if not file.is_file():
        return Settings()
    try:
        return Settings.model_validate(tomllib.loads(file.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SiteInvalid(f"{file}: {error}", "docs/desk.md shows an example.") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        at = ".".join(str(part) for part in first["loc"]) or "the file"
        raise SiteInvalid(f"{file}: {at}: {first['msg']}", "docs/desk.md lists the keys.") from None


def _safe(address: str, scheme: str) -> str:
    """Passwords and identities travel encrypted, or do not leave the machine."""
    parts = urlsplit(address)
    if not parts.hostname or (parts.scheme != scheme and parts.hostname not in _LOOPBACK):
        raise ValueError(f"an address beginning with {scheme}:// (without it on loopback only)")
    return address.rstrip("/")
