"""The door: codes, passwords, a provider and a directory, each tried on the real thing."""

from __future__ import annotations

import base64
import re
import shutil
import socket
import subprocess
import time
import warnings
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from extract.errors import Refused, SiteInvalid, SourceUnreachable
from validate.desk.directory import Ldap
from validate.desk.file import DeskFile
from validate.desk.provider import OpenId
from validate.desk.room import COOKIE, Chance
from validate.desk.second_factor import SecondFactor
from validate.desk.settings import Directory, Provider, Session, Settings, settings
from validate.review.rules import Account, Role

PASSWORD = "a sentence is easy"
ANOTHER = "another sentence is easy too"
ANN = Account("ann", "Ann", Role.REVIEWER)


@pytest.fixture
def clocked(prepared, tmp_path, open_desk):
    """Opens a desk with settings of its own, and a clock that the test turns."""
    opened = []

    def build(**how):
        shutil.copytree(prepared, tmp_path / "copy")
        now = [1_700_000_000.0]
        desk = open_desk(tmp_path / "copy", chance=Chance(clock=lambda: now[0]), settings=Settings(**how))
        opened.append(desk)
        return desk, now

    yield build
    for desk in opened:
        desk.db.close()


def signing(account="ann", password=PASSWORD, **more):
    return {"account": account, "password": password, "purpose": "yes", **more}


def code(secret: str, now: float) -> str:
    """What an authenticator that was given ``secret`` shows."""
    sha1 = hashes.SHA1()  # noqa: S303 - what authenticators know
    return TOTP(base64.b32decode(secret), 6, sha1, 30).generate(int(now)).decode()


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_codes_are_those_of_rfc_6238(desk, moment, shown):
    """Appendix B, SHA-1; of its eight digits ours are the last six, as authenticators show them."""
    factor = SecondFactor(desk.db, DeskFile(), lambda: float(moment), lambda: b"12345678901234567890")
    secret, address = factor.begin(ANN, "a study")
    assert base64.b32decode(secret) == b"12345678901234567890"
    assert parse_qs(urlsplit(address).query)["secret"] == [secret]
    assert urlsplit(address).scheme == "otpauth"
    with pytest.raises(Refused, match="wrong"):
        factor.confirm(ANN, "000000")
    factor.confirm(ANN, shown[-6:])
    assert factor.has("ann")
    assert not factor.passes("ann", shown[-6:]), "a code is good once"


def test_a_second_factor_is_set_up_asked_for_and_taken_away(clocked):
    """...by its owner, with the password; a code is good once, for half a minute either way, and in the audit."""
    desk, now = clocked()
    ann = desk["ann"]
    wrong = ann.post("/account/second-factor", data={"password": "wrong"})
    assert wrong.status_code == 403
    page = ann.post("/account/second-factor", data={"password": PASSWORD}).text
    secret = re.search(r'class="secret">([A-Z2-7]+)<', page)[1]
    assert desk.nobody().post("/sign-in", data=signing()).status_code == 303, "not asked for yet"
    assert ann.post("/account/second-factor/confirm", data={"code": code(secret, now[0])}).status_code == 303
    assert secret not in ann.get("/account").text, "shown once"
    assert desk.nobody().post("/sign-in", data=signing()).status_code == 403
    replayed = signing(code=code(secret, now[0]))
    assert desk.nobody().post("/sign-in", data=replayed).status_code == 403, "already used"
    now[0] += 60
    late = signing(code=code(secret, now[0] - 30))
    assert desk.nobody().post("/sign-in", data=late).status_code == 303
    assert desk.nobody().post("/sign-in", data=late).status_code == 403
    now[0] += 600
    stale = signing(code=code(secret, now[0] - 90))
    assert desk.nobody().post("/sign-in", data=stale).status_code == 403
    assert ann.post("/account/second-factor", data={"password": PASSWORD}).status_code == 403, "in use"
    proof = {"password": PASSWORD, "code": code(secret, now[0])}
    assert ann.post("/account/second-factor/remove", data=proof | {"code": "1"}).status_code == 403
    assert ann.post("/account/second-factor/remove", data=proof).status_code == 303
    assert desk.nobody().post("/sign-in", data=signing()).status_code == 303
    actions = [e["action"] for e in desk.db.audit() if e["action"].startswith("second_factor")]
    assert actions == ["second_factor.added", "second_factor.removed"]


def test_where_a_second_factor_is_required_nobody_works_without(clocked):
    desk, now = clocked(session=Session(second_factor="required"))
    ann, number = desk["ann"], desk.numbers[0]
    for page in ("/", f"/judge/{number}", "/judge/next"):
        assert ann.get(page).headers["location"] == "/account"
    assert ann.post(f"/judge/{number}", data={"request": "1"}).headers["location"] == "/account"
    assert "This study asks for a second factor" in ann.get("/account").text
    page = ann.post("/account/second-factor", data={"password": PASSWORD}).text
    secret = re.search(r'class="secret">([A-Z2-7]+)<', page)[1]
    ann.post("/account/second-factor/confirm", data={"code": code(secret, now[0])})
    assert ann.get(f"/judge/{number}").status_code == 200


def test_a_password_is_changed_by_who_knows_the_old_one(desk):
    """...every other session of the account ends, and this one goes on under a new token."""
    here, elsewhere = desk["ann"], desk.nobody()
    elsewhere.post("/sign-in", data=signing())
    before = here.cookies[COOKIE]
    sent = {"password": PASSWORD, "fresh": ANOTHER, "again": ANOTHER}
    for wrong in (
        {"password": "wrong"},
        {"again": "otherwise, and long"},
        {"fresh": "short", "again": "short"},
    ):
        assert here.post("/account/password", data=sent | wrong).status_code == 403
    assert here.post("/account/password", data=sent).headers["location"] == "/account"
    assert here.get("/").status_code == 200
    stolen = desk.nobody()
    stolen.cookies.set(COOKIE, before)
    assert stolen.get("/").status_code == elsewhere.get("/").status_code == 303
    assert desk.nobody().post("/sign-in", data=signing()).status_code == 403
    assert desk.nobody().post("/sign-in", data=signing(password=ANOTHER)).status_code == 303
    assert [e["actor"] for e in desk.db.audit() if e["action"] == "account.password"] == ["ann"]


# --- a provider: a real one, on loopback


@pytest.fixture(scope="module")
def provider():
    """A small OpenID Connect provider that vouches for ann, for a stranger, and knows no others."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from oidc_provider_mock import User, run_server_in_thread
    people = [
        User(sub="1", claims={"preferred_username": "ann"}),
        User(sub="2", claims={"preferred_username": "stranger"}),
        User(sub="3", claims={}),
    ]
    with run_server_in_thread(user_claims=people, require_nonce=True) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def federated(clocked, provider):
    return clocked(
        local_passwords=False, oidc=Provider(issuer=provider, client_id="desk", client_secret="kept")
    )


def gone_out(desk):
    """A browser on its way to the provider, and where to."""
    browser = desk.nobody()
    out = browser.post("/sign-in/provider", data={"purpose": "yes"})
    assert out.status_code == 303
    return browser, out.headers["location"]


def vouched(address: str, sub: str) -> str:
    """The provider's answer, as the way back that it sends the browser."""
    back = httpx.post(address, data={"sub": sub}).headers["location"]
    parts = urlsplit(back)
    return f"{parts.path}?{parts.query}"


def test_a_provider_lets_in_who_has_an_account_here(federated):
    """By code, PKCE, state and nonce; what they may do stands in the study, and passwords are off."""
    desk, now = federated
    now[0] = time.time()
    page = desk.nobody().get("/sign-in")
    assert 'name="password"' not in page.text
    browser, address = gone_out(desk)
    asked = parse_qs(urlsplit(address).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert {"state", "nonce", "code_challenge"} <= set(asked)
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(address))
    policy = page.headers["content-security-policy"]
    assert f"form-action 'self' {origin};" in policy, "or the browser would not follow the form there"
    arrived = browser.get(vouched(address, "1"))
    assert arrived.status_code == 200
    assert 'http-equiv="refresh" content="0; url=/"' in arrived.text
    assert "Ann · reviewer" in browser.get("/").text
    assert desk.nobody().post("/sign-in", data=signing()).status_code == 403, "no way in by password"
    assert "session.opened" in {e["action"] for e in desk.db.audit() if e["actor"] == "ann"}


@pytest.mark.parametrize(("sub", "said"), [("2", "no account in this study"), ("3", "which account this is")])
def test_a_provider_s_word_alone_opens_nothing(federated, sub, said):
    desk, now = federated
    now[0] = time.time()
    browser, address = gone_out(desk)
    refused = browser.get(vouched(address, sub))
    assert refused.status_code == 403
    assert said in refused.text
    assert browser.get("/").status_code == 303


def test_an_answer_is_taken_once_from_the_browser_that_asked_and_in_time(federated):
    """Another's answer, one of before, one with another's code, a denial: none opens a session."""
    desk, now = federated
    now[0] = time.time()
    mine, address = gone_out(desk)
    back = vouched(address, "1")
    assert desk.nobody().get(back).status_code == 403, "no browser of ours asked for it"
    thief, other = gone_out(desk)
    assert thief.get(back).status_code == 403, "another errand's state"
    state = parse_qs(urlsplit(other).query)["state"][0]
    stolen = parse_qs(urlsplit(back).query)["code"][0]
    injected = thief.get(f"/sign-in/provider/back?state={state}&code={stolen}")
    assert injected.status_code == 403, "PKCE: the code was asked for with another verifier"
    assert thief.get("/").status_code == 303
    late, address = gone_out(desk)
    back = vouched(address, "1")
    now[0] += 601
    assert late.get(back).status_code == 403
    now[0] -= 601
    denied, address = gone_out(desk)
    state = parse_qs(urlsplit(address).query)["state"][0]
    for answer in (f"?state={state}&error=access_denied", "", "?state=&code="):
        assert denied.get(f"/sign-in/provider/back{answer}").status_code == 403
    again, address = gone_out(desk)
    back = vouched(address, "1")
    assert again.get(back).status_code == 200
    assert again.get(back).status_code == 403, "once"
    assert desk.nobody().post("/sign-in/provider").status_code == 403, "the purpose is confirmed first"
    assert mine.get("/").status_code == 303


def test_an_identity_token_is_held_against_key_issuer_audience_and_nonce(provider):
    """Each claim that does not fit is refused, as is an audience shared with others."""
    now = 1_700_000_000
    held = OpenId(Provider(issuer=provider, client_id="desk"), DeskFile(), lambda: float(now))
    good = {
        "iss": provider,
        "aud": "desk",
        "exp": now + 300,
        "iat": now,
        "nonce": "n",
        "preferred_username": "ann",
    }
    assert held._vouched(good, "n") == "ann"
    from joserfc.errors import JoseError

    for wrong in (
        {"iss": "http://localhost:1"},
        {"aud": "another"},
        {"exp": now - 61},
        {"iat": now + 3600},
        {"nonce": "m"},
        {"aud": ["desk", "another"]},
        {"preferred_username": ""},
        {"preferred_username": ["ann"]},
    ):
        with pytest.raises((JoseError, Refused)):
            held._vouched(good | wrong, "n")
    for left_out in ("iss", "aud", "exp", "iat", "nonce", "preferred_username"):
        with pytest.raises((JoseError, Refused)):
            held._vouched({name: value for name, value in good.items() if name != left_out}, "n")


def test_a_provider_that_is_away_says_so_and_the_page_stays(clocked):
    desk, _ = clocked(oidc=Provider(issuer="http://127.0.0.1:9", client_id="desk"))
    assert desk.nobody().get("/sign-in").status_code == 200
    away = desk.nobody().post("/sign-in/provider", data={"purpose": "yes"})
    assert away.status_code == 503
    assert "does not answer" in away.text


# --- a directory: OpenLDAP's server, over TLS


@contextmanager
def directory(folder):
    """A slapd on loopback that knows ann by one password; its address, and the file of who signed it."""
    program = shutil.which("slapd") or shutil.which("slapd", path="/usr/sbin")
    if program is None:
        pytest.skip("no slapd here; `make test` installs one where it may")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    (folder / "data").mkdir()
    (folder / "slapd.conf").write_text(
        f"TLSCertificateFile {folder}/cert.pem\nTLSCertificateKeyFile {folder}/key.pem\n"
        f'pidfile {folder}/pid\ndatabase ldif\ndirectory {folder}/data\nsuffix "cn=hospital"\n'
        f'rootdn "cn=ann,cn=hospital"\nrootpw "{ANOTHER}"\n'
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"ldaps://127.0.0.1:{port}"
    with subprocess.Popen(
        [program, "-h", address, "-f", folder / "slapd.conf", "-d", "0"], stderr=subprocess.DEVNULL
    ) as server:
        try:
            for _ in range(200):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert server.poll() is None
                time.sleep(0.05)
            yield address, str(folder / "cert.pem")
        finally:
            server.terminate()


def test_a_directory_checks_passwords_and_nothing_else(clocked, tmp_path):
    """...over TLS with a certificate that is looked at; an empty password, a star and a comma let nobody in."""
    (tmp_path / "ldap").mkdir()
    with directory(tmp_path / "ldap") as (address, signed):
        bind = "cn={account},cn=hospital"
        held = Directory(server=address, bind=bind, ca_file=signed)
        ldap = Ldap(held)
        assert ldap.is_password("ann", ANOTHER)
        for account, password in (
            ("ann", PASSWORD),
            ("ann", ""),
            ("", ""),
            ("ann", "\0"),
            ("*", ANOTHER),
            ("bob", ANOTHER),
            ("ann,cn=hospital+cn=x", ANOTHER),
        ):
            assert not ldap.is_password(account, password), account
        with pytest.raises(SourceUnreachable):
            Ldap(Directory(server=address, bind=bind)).is_password("ann", ANOTHER)
        desk, _ = clocked(local_passwords=False, ldap=held)
        assert desk.nobody().post("/sign-in", data=signing()).status_code == 403, "the local one is off"
        inside = desk.nobody()
        assert inside.post("/sign-in", data=signing(password=ANOTHER)).status_code == 303
        assert "Ann · reviewer" in inside.get("/").text
        stranger = signing("stranger", ANOTHER)
        assert desk.nobody().post("/sign-in", data=stranger).status_code == 403
    away = desk.nobody().post("/sign-in", data=signing(password=ANOTHER))
    assert away.status_code == 503


# --- desk.toml


def test_desk_toml_is_read_and_what_is_wrong_is_named(desk, monkeypatch):
    file = desk.folder.root / "desk.toml"
    assert settings(desk.folder) == Settings()
    file.write_text(
        'hosts = ["desk.hospital.cn"]\n[session]\nidle_minutes = 10\nsecond_factor = "required"\n'
        '[oidc]\nissuer = "https://id.hospital.cn/"\nclient_id = "desk"\nclient_secret = "${DESK_SECRET}"\n'
    )
    held = settings(desk.folder)
    assert held.session.idle_minutes == 10
    with pytest.raises(SiteInvalid, match="DESK_SECRET is not set"):
        _ = held.oidc.secret
    monkeypatch.setenv("DESK_SECRET", "kept")
    assert held.oidc.secret == "kept"
    assert held.answers_to("desk.hospital.cn:443")
    assert held.answers_to("127.0.0.1:8770")
    assert not held.answers_to("evil.example")
    assert not held.answers_to("desk.hospital.cn@evil.example")
    for text, said in (
        ("host = []", "host"),
        ("[session]\nidle_minutes = 0", "session.idle_minutes"),
        ("local_passwords = false", "nobody can sign in"),
        ('[oidc]\nissuer = "http://id.hospital.cn"\nclient_id = "x"', "https://"),
        ('[ldap]\nserver = "ldap://dc.hospital.cn"\nbind = "uid={account}"', "ldaps://"),
        ('[ldap]\nserver = "ldaps://dc"\nbind = "uid=ann"', "ldap.bind"),
        ("x = [", "desk.toml"),
    ):
        file.write_text(text)
        with pytest.raises(SiteInvalid, match=re.escape(said)):
            settings(desk.folder)
