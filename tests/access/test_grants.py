"""A grant holds as it was signed, for whom and while it was meant, and in no other shape."""

import hashlib
import hmac
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OKPKey

from safetynet.access import base64url
from safetynet.access.grants import decode_grant, encode_grant
from safetynet.access.keys import KEY_FILE, KeyRing, NodeKey, open_next_key, open_node_key
from safetynet.access.model import Grant
from safetynet.base.errors import BrokenError, InvalidError, RefusedError
from safetynet.base.ids import NodeId

MAPO = NodeId("mapo")


def code_of(token: str, keyring: KeyRing, grant: Grant, late_s: float = 0) -> str:
    now = grant.issued_at + timedelta(seconds=late_s)
    with pytest.raises(RefusedError) as e:
        decode_grant(token, keyring, MAPO, now)
    return e.value.code


def signed(key: NodeKey, header: dict[str, Any], claims: bytes) -> str:
    text = f"{base64url.encode(msgspec.json.encode(header))}.{base64url.encode(claims)}"
    return f"{text}.{base64url.encode(key.sign(text.encode()))}"


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = msgspec.json.decode(base64url.decode(token.split(".")[1]))
    return claims


HEADER = {"alg": "EdDSA", "kid": "hub", "typ": "sn-grant+jwt"}


def test_a_grant_reads_back_as_it_was_signed(
    grant: Grant, hub_key: NodeKey, keyring: KeyRing
) -> None:
    token = encode_grant(grant, hub_key)
    assert decode_grant(token, keyring, MAPO, grant.issued_at) == grant


# RFC 9864 prefers the name "Ed25519" for what RFC 8037 calls "EdDSA"; the seam says EdDSA.
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_another_implementation_of_jwt_reads_it_too(grant: Grant, hub_key: NodeKey) -> None:
    key = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": hub_key.jwk().x})
    token = jwt.decode(encode_grant(grant, hub_key), key, algorithms=["EdDSA"])
    assert token.header == HEADER
    assert token.claims["cnf"]["jwk"]["x"] == grant.viewer_key.x


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(data=st.data())
def test_any_changed_character_refuses(
    data: st.DataObject, grant: Grant, hub_key: NodeKey, keyring: KeyRing
) -> None:
    token = encode_grant(grant, hub_key)
    place = data.draw(st.integers(0, len(token) - 1))
    char = data.draw(st.characters(min_codepoint=33, max_codepoint=126))
    assume(char != token[place])
    assert code_of(token[:place] + char + token[place + 1 :], keyring, grant) in {
        "grant.malformed",
        "grant.algorithm",
        "grant.unknown_issuer",
        "grant.signature",
    }


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    token=st.text(max_size=80) | st.from_regex(r"[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*")
)
def test_anything_else_is_refused_and_never_crashes(
    token: str, grant: Grant, keyring: KeyRing
) -> None:
    assert code_of(token, keyring, grant) == "grant.malformed"


def test_the_last_character_has_no_unused_bits_to_play_with(
    grant: Grant, hub_key: NodeKey, keyring: KeyRing
) -> None:
    token = encode_grant(grant, hub_key)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    sibling = alphabet[alphabet.index(token[-1]) ^ 1]
    assert code_of(token[:-1] + sibling, keyring, grant) == "grant.malformed"


@pytest.mark.parametrize("alg", ["none", "None", "HS256", "ES256", "RS256", ""])
def test_only_eddsa_signs(alg: str, grant: Grant, hub_key: NodeKey, keyring: KeyRing) -> None:
    claims = msgspec.json.encode(claims_of(encode_grant(grant, hub_key)))
    assert code_of(signed(hub_key, HEADER | {"alg": alg}, claims), keyring, grant) == (
        "grant.algorithm"
    )


def test_a_mac_with_the_public_key_is_no_signature(
    grant: Grant, hub_key: NodeKey, keyring: KeyRing
) -> None:
    claims = base64url.encode(base64url.decode(encode_grant(grant, hub_key).split(".")[1]))
    head = base64url.encode(msgspec.json.encode(HEADER))
    mac = hmac.digest(
        base64url.decode(hub_key.jwk().x), f"{head}.{claims}".encode(), hashlib.sha512
    )
    assert code_of(f"{head}.{claims}.{base64url.encode(mac)}", keyring, grant) == "grant.signature"


@pytest.mark.parametrize(
    "header",
    [{"typ": "JWT"}, {"crit": ["exp"]}, {"jwk": {"kty": "OKP"}}, {"kid": 1}],
)
def test_no_other_header_is_taken(
    header: dict[str, Any], grant: Grant, hub_key: NodeKey, keyring: KeyRing
) -> None:
    claims = msgspec.json.encode(claims_of(encode_grant(grant, hub_key)))
    assert code_of(signed(hub_key, HEADER | header, claims), keyring, grant) == "grant.malformed"


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "mapo"},
        {"exp": "soon"},
        {"exp": 1.5},
        {"aud": ["mapo"]},
        {"more": 1},
        {"cnf": {"jwk": {"kty": "OKP", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}}},
        {"cnf": {}},
    ],
)
def test_signed_nonsense_is_malformed(
    change: dict[str, Any], grant: Grant, hub_key: NodeKey, keyring: KeyRing
) -> None:
    claims = msgspec.json.encode(claims_of(encode_grant(grant, hub_key)) | change)
    assert code_of(signed(hub_key, HEADER, claims), keyring, grant) == "grant.malformed"


def test_a_grant_is_for_its_owner_and_its_time(
    grant: Grant, hub_key: NodeKey, keyring: KeyRing
) -> None:
    token = encode_grant(grant, hub_key)
    other = encode_grant(msgspec.structs.replace(grant, audience=NodeId("seocho")), hub_key)
    assert code_of(other, keyring, grant) == "grant.audience"
    assert code_of(token, keyring, grant, -31) == "grant.not_yet"
    assert code_of(token, keyring, grant, 900) == "grant.expired"
    decode_grant(token, keyring, MAPO, grant.issued_at + timedelta(seconds=899))
    decode_grant(token, keyring, MAPO, grant.issued_at - timedelta(seconds=30))


def test_an_unknown_issuer_and_a_false_one_are_told_apart(
    grant: Grant, hub_key: NodeKey, keyring: KeyRing, tmp_path: Path
) -> None:
    token = encode_grant(grant, hub_key)
    assert code_of(token, KeyRing(), grant) == "grant.unknown_issuer"
    impostor = open_node_key(tmp_path, NodeId("hub"))
    assert code_of(encode_grant(grant, impostor), keyring, grant) == "grant.signature"


def test_only_the_issuer_can_sign(grant: Grant, tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as e:
        encode_grant(grant, open_node_key(tmp_path, MAPO))
    assert e.value.code == "grant.issuer"


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    first = open_node_key(tmp_path / "mapo", MAPO)
    path = tmp_path / "mapo" / KEY_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    assert open_node_key(tmp_path / "mapo", MAPO).jwk() == first.jwk()
    assert [p.name for p in path.parent.iterdir()] == [KEY_FILE]


def spoil(path: Path) -> None:
    path.write_bytes(b"spoiled")


@pytest.mark.parametrize(
    ("harm", "code"), [(lambda p: p.chmod(0o640), "key.exposed"), (spoil, "key.malformed")]
)
def test_a_harmed_key_file_stops_the_node(
    harm: Callable[[Path], None], code: str, tmp_path: Path
) -> None:
    open_node_key(tmp_path, MAPO)
    harm(tmp_path / KEY_FILE)
    with pytest.raises(BrokenError) as e:
        open_node_key(tmp_path, MAPO)
    assert e.value.code == code


def test_a_ring_takes_only_ed25519(hub_key: NodeKey) -> None:
    for change in ({"x": "AA"}, {"x": "*"}, {"crv": "X25519"}):
        with pytest.raises(InvalidError) as e:
            KeyRing([msgspec.structs.replace(hub_key.jwk(), **change)])
        assert e.value.code == "key.malformed"


def test_while_a_key_is_made_anew_both_are_believed(
    hub_key: NodeKey, grant: Grant, tmp_path: Path
) -> None:
    following = open_next_key(tmp_path, NodeId("hub"))
    ring = KeyRing([hub_key.jwk(), following.jwk()])
    for key in (hub_key, following):
        assert decode_grant(encode_grant(grant, key), ring, MAPO, grant.issued_at) == grant
    assert code_of(encode_grant(grant, following), KeyRing([hub_key.jwk()]), grant) == (
        "grant.signature"
    )
