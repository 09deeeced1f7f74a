"""Directory: whether a password is right according to the hospital's LDAP server, by binding as the person."""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

from extract.errors import DriverMissing, SourceUnreachable
from validate.desk.settings import Directory

__all__ = ["Ldap"]


class Ldap:
    """Binds and lets go again; reads nothing from the directory. Raises DriverMissing without ldap3."""

    def __init__(self, directory: Directory) -> None:
        try:
            import ldap3
        except ModuleNotFoundError:
            raise DriverMissing(
                "desk.toml: [ldap] needs the driver ldap3", "pip install 'cohortlock[ldap]'"
            ) from None
        self._held = directory
        parts = urlsplit(directory.server)
        secure = parts.scheme == "ldaps"
        tls = ldap3.Tls(
            validate=ssl.CERT_REQUIRED,
            version=ssl.PROTOCOL_TLS_CLIENT,
            ca_certs_file=directory.ca_file or None,
        )
        self._server = ldap3.Server(
            parts.hostname,
            port=parts.port or (636 if secure else 389),
            use_ssl=secure,
            tls=tls if secure else None,
            connect_timeout=directory.seconds,
            get_info=ldap3.NONE,
        )

    def is_password(self, account_id: str, password: str) -> bool:
        """Whether the directory lets ``account_id`` in. Raises SourceUnreachable when it does not answer."""
        import ldap3
        from ldap3.core.exceptions import LDAPException
        from ldap3.utils.dn import escape_rdn

        # To a directory an empty password is no wrong one: it lets anybody in as nobody.
        if not password or "\0" in password:
            return False
        name = self._held.bind.replace("{account}", escape_rdn(account_id))
        try:
            connection = ldap3.Connection(
                self._server,
                user=name,
                password=password,
                authentication=ldap3.SIMPLE,
                receive_timeout=self._held.seconds,
                raise_exceptions=False,
            )
            try:
                return bool(connection.bind())
            finally:
                connection.unbind()
        except LDAPException:
            raise SourceUnreachable(
                "the directory does not answer", "Try again; if it lasts, tell the data manager."
            ) from None
