"""Write ``deploy/example``: what the guides make, with the addresses that stand in them.

    python -m tests.deploy.example

Keys are left out: each city has its own. Everything else is as the commands wrote it.
"""

import re
import sys
import tempfile
from pathlib import Path

from safetynet.access.policy import default_text
from tests.deploy.following import HUBS, City, make_machines
from tests.docs.pages import ROOT

EXAMPLE = ROOT / "deploy" / "example"
ADDRESSES = {"a": "10.0.0.1", "b": "10.0.0.2", "c": "10.0.0.3", "database": "10.0.0.9"}
MAPO = {"mapo": "10.0.11.1"}
NOT_HERE = ("systemctl", "curl", "psql", "city build", "safetynet check")
"""What needs machines: an example is made without any."""
SECRETS = (
    (r'"SU[A-Z2-7]{56}"', '"SU… the seed of this district, from its keys"'),
    (r'"nkey":"U[A-Z2-7]{55}"', '"nkey":"U… of this node, from its certificate"'),
    (r'"pinned_certs":\[[^]]*\]', '"pinned_certs":["… of the hub\'s certificates"]'),
    (r'x = "[\w-]{43}"', 'x = "… the hub\'s, from issuers.toml"'),
)


def make_example() -> dict[str, str]:
    """Every file of the example by its name."""
    with tempfile.TemporaryDirectory(prefix="safetynet-example-") as place:
        folder = Path(place).resolve()
        make_machines(folder, (*HUBS, "database", "mapo"))
        (folder / "stick" / "bundle").mkdir()
        city = City(folder, None, ADDRESSES | MAPO, {})
        city.follow("build-a-city.md", without=NOT_HERE)
        city.follow("join.md", "mapo", without=NOT_HERE)
        files = {
            f"hub-{hub}/{name}": folder / hub / "etc" / name
            for hub in HUBS
            for name in ("hub.toml", "nats.conf")
        }
        files |= {
            f"mapo/{name}": folder / "mapo" / "etc" / name
            for name in ("district.toml", "nats.conf")
        }
        files["mapo/cameras.csv"] = folder / "mapo" / "var" / "cameras.csv"
        found = {name: _plain(path.read_text("utf-8"), folder) for name, path in files.items()}
    return found | {"mapo/policy.cedar": default_text()}


def _plain(text: str, folder: Path) -> str:
    """Without keys, and with the folders that a real machine has."""
    text = re.sub(rf"{folder}/\w+/etc\b", "/etc/safetynet", text)
    text = re.sub(rf"{folder}/\w+/var\b", "/var/lib/safetynet", text)
    for secret, words in SECRETS:
        text = re.sub(secret, words, text)
    return text


def main() -> int:
    """Write what differs."""
    for name, text in make_example().items():
        path = EXAMPLE / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            sys.stdout.write(f"wrote deploy/example/{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
