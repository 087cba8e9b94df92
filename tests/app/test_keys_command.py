"""``safetynet keys`` and ``safetynet nats`` as an operator types them."""

import stat
import subprocess
import tomllib
from pathlib import Path

import pytest

from safetynet.access.keys import KeyRing, open_next_key, open_node_key
from safetynet.app.cli import main
from safetynet.app.district.process import believed_keys
from safetynet.app.nats_server import find_nats_server
from safetynet.app.settings import DistrictProcessSettings, load_settings
from safetynet.base.ids import HUB

Said = pytest.CaptureFixture[str]


def run(capsys: Said, *words: object, status: int = 0) -> str:
    """What a command prints on both outputs."""
    assert main([str(word) for word in words]) == status
    printed = capsys.readouterr()
    return printed.out + printed.err


@pytest.fixture
def city(tmp_path: Path, capsys: Said) -> Path:
    run(capsys, "keys", "city", tmp_path / "city", "--name", "시험 도시")
    run(capsys, "keys", "node", tmp_path / "city", tmp_path / "hub", "hub", "--host", "10.0.0.1")
    return tmp_path / "city"


def join(city: Path, keys: Path, node: str, capsys: Said, *more: str) -> str:
    """The way of a district from no keys, or old ones, to signed ones."""
    answer = city.parent / f"{node}.answer"
    answer.unlink(missing_ok=True)
    run(capsys, "keys", "request", keys, node, *more)
    run(capsys, "keys", "sign", city, node, keys / "next" / "node.request", "-o", answer)
    return run(capsys, "keys", "take", keys, answer)


def test_a_district_joins_by_a_request_and_an_answer(
    city: Path, tmp_path: Path, capsys: Said
) -> None:
    said = join(city, tmp_path / "mapo", "mapo", capsys, "--host", "10.0.11.1")
    assert "node: mapo, hosts localhost, 127.0.0.1, ::1, 10.0.11.1" in said
    both = [run(capsys, "keys", "list", folder) for folder in (city, tmp_path / "mapo")]
    prints = {text.splitlines()[-1] for text in both}
    assert len(prints) == 1, "the city's fingerprint is the same at both ends"
    nodes = [line.split()[0] for line in both[0].splitlines()[1:3]]
    assert nodes == ["hub", "mapo"]


def test_the_servers_read_what_is_written(city: Path, tmp_path: Path, capsys: Said) -> None:
    join(city, tmp_path / "mapo", "mapo", capsys)
    hub, mapo = tmp_path / "hub.conf", tmp_path / "mapo.conf"
    leafs, to = ["--leafs", "10.0.0.1:7422"], ["--hub", "10.0.0.1:7422"]
    said = run(capsys, "nats", "hub", tmp_path / "hub", "--city", city, *leafs, "-o", hub)
    assert "admitted: mapo." in said
    run(capsys, "nats", "district", tmp_path / "mapo", *to, "-o", mapo)
    for conf in (hub, mapo):
        assert stat.S_IMODE(conf.stat().st_mode) == 0o600
        checked = subprocess.run(
            [find_nats_server(), "-t", "--config", str(conf)], capture_output=True, check=False
        )
        assert checked.returncode == 0, checked.stderr


def test_renewing_and_dropping(city: Path, tmp_path: Path, capsys: Said) -> None:
    keys = tmp_path / "mapo"
    join(city, keys, "mapo", capsys, "--host", "10.0.11.1")
    refused = run(capsys, "keys", "request", keys, "mapo", status=1)
    assert "[keys.exists]" in refused
    said = join(city, keys, "mapo", capsys, "--renew")
    assert "10.0.11.1" in said, "the hosts of before"
    rows = [r for r in run(capsys, "keys", "list", city).splitlines() if r.startswith("mapo ")]
    assert len(rows) == 2, "both hold while the node changes over"
    current = run(capsys, "keys", "list", keys).splitlines()[1].split()[4]
    (old,) = {row.split()[4] for row in rows} - {current}
    assert "[keys.serial]" in run(capsys, "keys", "drop", city, "mapo", "--serial", "x", status=2)
    assert old in run(capsys, "keys", "drop", city, "mapo", "--serial", old)
    rows = [r for r in run(capsys, "keys", "list", city).splitlines() if r.startswith("mapo ")]
    assert [row.split()[4] for row in rows] == [current]
    run(capsys, "keys", "drop", city, "mapo")
    assert "mapo" not in run(capsys, "keys", "list", city)


def test_a_request_is_signed_for_the_node_that_is_named(
    city: Path, tmp_path: Path, capsys: Said
) -> None:
    run(capsys, "keys", "request", tmp_path / "mapo", "hub")
    request = tmp_path / "mapo" / "next" / "node.request"
    said = run(capsys, "keys", "sign", city, "mapo", request, "-o", tmp_path / "a", status=1)
    assert "[keys.other_node]" in said
    assert not (tmp_path / "a").exists()


def test_an_end_that_nears_is_marked(city: Path, tmp_path: Path, capsys: Said) -> None:
    run(capsys, "keys", "node", city, tmp_path / "mapo", "mapo", "--days", "20")
    said = run(capsys, "keys", "list", city)
    assert next(r for r in said.splitlines() if r.startswith("mapo")).endswith("soon")


@pytest.mark.parametrize("address", ["4222", "host:", ":1", "host:99999", "host:x"])
def test_an_address_is_host_and_port(
    city: Path, tmp_path: Path, capsys: Said, address: str
) -> None:
    words = ["nats", "hub", tmp_path / "hub", "--city", city, "--leafs", address]
    assert "[nats.address]" in run(capsys, *words, "-o", tmp_path / "x", status=2)


def test_the_citys_key_is_renewed_and_the_old_one_retired(
    city: Path, tmp_path: Path, capsys: Said
) -> None:
    keys, hub = tmp_path / "mapo", tmp_path / "hub"
    join(city, keys, "mapo", capsys)
    said = run(capsys, "keys", "city", city, "--renew", "--name", "시험 도시")
    assert said.count("SHA-256") == 2
    for folder in (keys, hub):
        assert "Restart" in run(capsys, "keys", "trust", folder, city / "trust.pem")
    assert "renew or drop" in run(capsys, "keys", "city", city, "--retire", status=1)
    join(city, keys, "mapo", capsys, "--renew")
    run(capsys, "keys", "node", city, hub, "hub", "--renew")
    for line in run(capsys, "keys", "list", city).splitlines()[1:5]:
        node, serial = line.split()[0], line.split()[4]
        if serial in run(capsys, "keys", "list", tmp_path / node):
            continue
        run(capsys, "keys", "drop", city, node, "--serial", serial)
    run(capsys, "keys", "city", city, "--retire")
    for folder in (keys, hub):
        assert run(capsys, "keys", "trust", folder, city / "trust.pem").count("SHA-256") == 1


def test_the_hubs_signing_key_is_made_anew_beside_the_one_in_use(
    tmp_path: Path, capsys: Said
) -> None:
    assert "no_next" in run(capsys, "keys", "signing", tmp_path, "--use", status=2)
    now = run(capsys, "keys", "signing", tmp_path)
    following = run(capsys, "keys", "signing", tmp_path, "--next")
    assert now != following
    assert run(capsys, "keys", "signing", tmp_path, "--next") == following
    assert run(capsys, "keys", "signing", tmp_path) == now
    assert tomllib.loads(now)["issuers"][0]["kid"] == "hub"
    assert run(capsys, "keys", "signing", tmp_path, "--use") == following
    assert run(capsys, "keys", "signing", tmp_path) == following


def test_a_district_honours_both_keys_of_a_hub_that_changes_its_own(
    tmp_path: Path, capsys: Said
) -> None:
    said = run(capsys, "keys", "signing", tmp_path) + run(
        capsys, "keys", "signing", tmp_path, "--next"
    )
    (tmp_path / "district.toml").write_text(
        'bundle = "/b"\n[cameras]\nrtsp_url = "rtsp://x/{camera}"\n'
        '[[districts]]\nnode = "mapo"\ndata = "/d"\nnats_url = "nats://127.0.0.1:1"\n' + said
    )
    settings = load_settings(tmp_path / "district.toml", DistrictProcessSettings)
    ring = KeyRing(believed_keys(settings, settings.districts[0]))
    for key in (open_node_key(tmp_path, HUB), open_next_key(tmp_path, HUB)):
        assert ring.verify(HUB, key.sign(b"a grant"), b"a grant")
