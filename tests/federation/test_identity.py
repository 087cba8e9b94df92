"""Keys: made once, private, signed as asked and no further, renewed without a gap."""

import base64
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nkeys
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from safetynet.base.errors import BrokenError, InvalidError, SafetyNetError
from safetynet.base.ids import HUB, NodeId
from safetynet.federation.identity import nkey
from safetynet.federation.identity.certificates import make_key, make_request, read_request
from safetynet.federation.identity.city import (
    CITY_KEY_FILE,
    create_city,
    create_node,
    drop_node,
    list_members,
    sign_node,
)
from safetynet.federation.identity.node import (
    BEFORE,
    CITY_FILE,
    KEY_FILE,
    NEXT,
    SEED_FILE,
    open_identity,
    request_keys,
    take_answer,
)

MAPO, SEOCHO = NodeId("mapo"), NodeId("seocho")
NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)


@pytest.fixture
def city(tmp_path: Path) -> Path:
    create_city(tmp_path / "city", "test city", NOW)
    return tmp_path / "city"


def code_of(error: pytest.ExceptionInfo[SafetyNetError]) -> str:
    return error.value.code


@given(chance=st.binary(min_size=32, max_size=32))
def test_an_nkey_is_what_its_own_library_reads(chance: bytes) -> None:
    seed = nkey.make_seed(chance)
    public = nkey.public_of(seed)
    assert nkey.check_public(public) == public
    assert nkeys.from_seed(bytearray(seed)).public_key.decode() == public
    assert seed.startswith(b"SU")
    assert public.startswith("U")


@pytest.mark.parametrize("wrong", ["", "U", "x" * 56, "A" * 56, "U" + "A" * 55, "Ü" * 56])
def test_what_is_no_nkey_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidError) as refused:
        nkey.check_public(wrong)
    assert code_of(refused) == "keys.nkey"


@given(place=st.integers(0, 55), other=st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
def test_a_mistyped_nkey_is_refused(place: int, other: str) -> None:
    public = nkey.public_of(nkey.make_seed(bytes(32)))
    typed = public[:place] + other + public[place + 1 :]
    if typed != public:
        with pytest.raises(InvalidError):
            nkey.check_public(typed)


def test_everything_private_is_of_the_account_alone(city: Path, tmp_path: Path) -> None:
    create_node(city, tmp_path / "mapo", MAPO, ["10.0.11.1"], NOW)
    for path in [*city.rglob("*"), tmp_path / "mapo", *(tmp_path / "mapo").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_nothing_is_written_over(city: Path, tmp_path: Path) -> None:
    with pytest.raises(SafetyNetError) as again:
        create_city(city, "another", NOW)
    assert code_of(again) == "keys.exists"
    request_keys(tmp_path / "mapo", MAPO, ())
    before = (tmp_path / "mapo" / NEXT / KEY_FILE).read_bytes()
    with pytest.raises(SafetyNetError) as out:
        request_keys(tmp_path / "mapo", MAPO, ())
    assert code_of(out) == "keys.request_out"
    assert (tmp_path / "mapo" / NEXT / KEY_FILE).read_bytes() == before


def test_what_travels_holds_nothing_private(city: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mapo"
    request = request_keys(folder, MAPO, ["10.0.11.1"])
    answer = sign_node(city, request, NOW)
    seed = (folder / NEXT / SEED_FILE).read_bytes()
    for text in (request, answer):
        assert b"PRIVATE" not in text
        assert seed not in text
    assert b"PRIVATE" in (folder / NEXT / KEY_FILE).read_bytes()


def test_a_member_is_what_its_request_asked_for(city: Path, tmp_path: Path) -> None:
    member = create_node(
        city, tmp_path / "mapo", MAPO, ["10.0.11.1", "Nats.Mapo.Example.", "2001:db8::1"], NOW
    )
    assert member == open_identity(tmp_path / "mapo", MAPO).member
    assert list_members(city) == [member]
    assert member.node == MAPO
    assert set(member.hosts) == {
        *("localhost", "127.0.0.1", "::1"),
        *("10.0.11.1", "nats.mapo.example", "2001:db8::1"),
    }
    assert member.nkey == nkey.public_of((tmp_path / "mapo" / SEED_FILE).read_bytes())
    assert member.not_before < NOW
    assert member.not_after == NOW + timedelta(days=365)


def test_a_certificate_ends_with_its_city(city: Path, tmp_path: Path) -> None:
    late = NOW + timedelta(days=3600)
    member = create_node(city, tmp_path / "mapo", MAPO, (), late)
    assert member.not_after <= NOW + timedelta(days=3650)
    with pytest.raises(SafetyNetError) as over:
        create_node(city, tmp_path / "seocho", SEOCHO, (), NOW + timedelta(days=3650))
    assert code_of(over) == "keys.city_expired"


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "::ffff:10.0.0.1", "hub.example", "HUB.example", "hub.example."]
)
def test_nobody_else_gets_the_hubs_host(city: Path, tmp_path: Path, host: str) -> None:
    create_node(city, tmp_path / "hub", HUB, ["10.0.0.1", "hub.example"], NOW)
    with pytest.raises(SafetyNetError) as taken:
        sign_node(city, request_keys(tmp_path / "mapo", MAPO, [host]), NOW)
    assert code_of(taken) == "keys.host_taken"
    assert len(list_members(city)) == 1


@pytest.mark.parametrize("host", ["*.example", "*", "a b", "", "-x", "x/y", "한글.example"])
def test_a_pattern_is_no_host(host: str) -> None:
    with pytest.raises(InvalidError) as refused:
        make_request(MAPO, [host], nkey.public_of(nkey.make_seed(bytes(32))), make_key())
    assert code_of(refused) == "keys.host"


def forge_request(names: list[x509.GeneralName], common: str = "mapo") -> bytes:
    """A request as somebody makes it who does not use our program."""
    public = nkey.public_of(nkey.make_seed(bytes(range(32))))
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])
    )
    uri = x509.UniformResourceIdentifier(f"nkey:{public}")
    builder = builder.add_extension(x509.SubjectAlternativeName([*names, uri]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(ec.generate_private_key(ec.SECP256R1()), SHA256()).public_bytes(
        Encoding.PEM
    )


def test_only_what_was_read_is_signed(city: Path) -> None:
    """A request may ask to be a city itself, or bring names of other kinds along."""
    answer = sign_node(city, forge_request([x509.RFC822Name("a@example.org")]), NOW)
    certificate = x509.load_pem_x509_certificate(answer)
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert not constraints.value.ca
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.RFC822Name) == []


@pytest.mark.parametrize("common", ["", "Mapo", "mapo.*", ">", "a" * 33, "마포"])
def test_a_name_that_is_none_is_not_signed(city: Path, common: str) -> None:
    with pytest.raises((InvalidError, ValueError)):
        sign_node(city, forge_request([], common), NOW)
    assert list_members(city) == []


def test_wildcards_of_a_foreign_request_are_not_signed(city: Path) -> None:
    with pytest.raises(InvalidError) as refused:
        sign_node(city, forge_request([x509.DNSName("*.example")]), NOW)
    assert code_of(refused) == "keys.host"


def test_an_altered_request_is_refused(city: Path, tmp_path: Path) -> None:
    pem = request_keys(tmp_path / "mapo", MAPO, ["10.0.11.1"])
    der = x509.load_pem_x509_csr(pem).public_bytes(Encoding.DER)
    forged = der.replace(b"mapo", b"guro")
    text = base64.encodebytes(forged).decode()
    altered = f"-----BEGIN CERTIFICATE REQUEST-----\n{text}-----END CERTIFICATE REQUEST-----\n"
    with pytest.raises(InvalidError) as refused:
        read_request(altered.encode())
    assert code_of(refused) == "keys.request"


@given(st.binary(max_size=200))
def test_garbage_is_no_request(data: bytes) -> None:
    with pytest.raises(InvalidError):
        read_request(data)


def test_a_key_is_signed_once(city: Path, tmp_path: Path) -> None:
    request = request_keys(tmp_path / "mapo", MAPO, ())
    sign_node(city, request, NOW)
    with pytest.raises(SafetyNetError) as taken:
        sign_node(city, request, NOW)
    assert code_of(taken) == "keys.nkey_taken"


def test_an_answer_of_others_changes_nothing(city: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mapo"
    create_node(city, folder, MAPO, (), NOW)
    before = {p: p.read_bytes() for p in folder.iterdir()}
    request = request_keys(folder, MAPO, ())
    create_city(tmp_path / "other", "test city", NOW)
    others_answer = sign_node(tmp_path / "other", request, NOW)
    not_ours = sign_node(city, request_keys(tmp_path / "seocho", SEOCHO, ()), NOW)
    mixed = sign_node(city, request, NOW).split(b"-----END CERTIFICATE-----\n")[0]
    mixed += b"-----END CERTIFICATE-----\n" + (tmp_path / "other" / CITY_FILE).read_bytes()
    for answer, code in (
        (others_answer, "keys.other_city"),
        (not_ours, "keys.other_key"),
        (mixed, "keys.foreign"),
        (b"nonsense", "keys.certificate"),
        ((city / CITY_FILE).read_bytes(), "keys.answer"),
    ):
        with pytest.raises(SafetyNetError) as refused:
            take_answer(folder, answer)
        assert code_of(refused) == code
        assert {p: p.read_bytes() for p in before} == before


def test_renewing_keeps_the_keys_before(city: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mapo"
    old = create_node(city, folder, MAPO, ["10.0.11.1"], NOW)
    seed = (folder / SEED_FILE).read_bytes()
    new = create_node(city, folder, MAPO, ["10.0.11.1"], NOW + timedelta(days=340))
    assert open_identity(folder, MAPO).member == new
    assert open_identity(folder / BEFORE, MAPO).member == old
    assert (folder / BEFORE / SEED_FILE).read_bytes() == seed != (folder / SEED_FILE).read_bytes()
    assert [m.serial for m in list_members(city)] == [old.serial, new.serial]
    assert drop_node(city, MAPO, old.serial) == [old]
    assert list_members(city) == [new]
    with pytest.raises(SafetyNetError) as unknown:
        drop_node(city, MAPO, old.serial)
    assert code_of(unknown) == "keys.unknown"


def test_the_register_needs_no_private_key(city: Path, tmp_path: Path) -> None:
    member = create_node(city, tmp_path / "mapo", MAPO, (), NOW)
    (city / CITY_KEY_FILE).unlink()
    assert list_members(city) == [member]


@pytest.mark.parametrize("name", [KEY_FILE, SEED_FILE])
def test_keys_that_others_may_read_are_not_used(city: Path, tmp_path: Path, name: str) -> None:
    create_node(city, tmp_path / "mapo", MAPO, (), NOW)
    (tmp_path / "mapo" / name).chmod(0o640)
    with pytest.raises(BrokenError) as exposed:
        open_identity(tmp_path / "mapo", MAPO)
    assert code_of(exposed) == "keys.exposed"


def test_keys_that_do_not_belong_together_are_not_used(city: Path, tmp_path: Path) -> None:
    create_node(city, tmp_path / "mapo", MAPO, (), NOW)
    create_node(city, tmp_path / "seocho", SEOCHO, (), NOW)
    with pytest.raises(SafetyNetError) as other:
        open_identity(tmp_path / "mapo", SEOCHO)
    assert code_of(other) == "keys.other_node"
    for name in (KEY_FILE, SEED_FILE):
        kept = (tmp_path / "mapo" / name).read_bytes()
        (tmp_path / "mapo" / name).write_bytes((tmp_path / "seocho" / name).read_bytes())
        with pytest.raises(SafetyNetError) as mixed:
            open_identity(tmp_path / "mapo", MAPO)
        assert code_of(mixed) == "keys.other_key"
        (tmp_path / "mapo" / name).write_bytes(kept)
    (tmp_path / "mapo" / KEY_FILE).unlink()
    with pytest.raises(SafetyNetError) as missing:
        open_identity(tmp_path / "mapo", MAPO)
    assert code_of(missing) == "keys.missing"


@pytest.mark.parametrize(("after_days", "warned"), [(300, False), (336, True), (400, True)])
def test_the_end_is_said_before_it_comes(
    city: Path, tmp_path: Path, after_days: int, warned: bool
) -> None:
    create_node(city, tmp_path / "mapo", MAPO, (), NOW)
    with capture_logs() as said:
        open_identity(tmp_path / "mapo", MAPO).warn(NOW + timedelta(days=after_days))
    assert [s["event"] for s in said] == (["keys.expire"] if warned else [])
    if warned:
        assert said[0]["days"] == 365 - after_days
