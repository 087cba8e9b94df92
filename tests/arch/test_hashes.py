"""No hash without a key stands on anything that a person said: each place that hashes is written here.

Words, names, numbers and addresses come from small sets: whoever has a hash of one tries them all. What is
hashed here is none of that: entries whose personal parts are sealed under a fresh nonce, files, programs.
"""

import ast
from pathlib import Path

SRC = Path(__file__).parents[2] / "src" / "safetynet"
HASHERS = {"hashlib", "hmac", "zlib.crc32", "zlib.adler32", "xxhash", "blake3"}
PLACES = {
    "journal/entry.py": "leaf hash over an entry's bytes; what is personal stands sealed in them",
    "journal/snapshot.py": "digest over folded rows without what is sealed",
    "store/postgres.py": "the number of a lock from its name",
    "federation/catalogue.py": "checksum over a district's cameras",
    "federation/identity/certificates.py": "a node's public key, by which servers of a cluster know it",
    "video/record.py": "the bytes of a clip, by which a copy is proved",
    "video/taking.py": "the bytes of a still, likewise",
    "app/check_exports.py": "files of clips and stills, likewise",
    "app/district/keeping.py": "a file's name from the key of a command, an id of chance",
    "city/ingest/folder.py": "open data that a bundle is built from",
    "city/bundle.py": "files of a city bundle",
    "sight/belief.py": "beliefs on cameras",
    "sight/kernels/compiled.py": "source text of the compiled loops",
    "sim/onvif/security.py": "the password digest that ONVIF asks for, in the simulation",
    "sim/render/thing.py": "a seed from a simulated thing's id",
    "sim/rtsp/feed.py": "a phase from a simulated camera's id",
    "sim/rtsp/digest.py": "the password digest that RTSP asks for, in the simulation",
}


def hashes(path: Path) -> bool:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
    names |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    used = {ast.unparse(n) for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    return bool((names | used) & HASHERS)


def test_every_place_that_hashes_is_known_and_says_what() -> None:
    found = {str(p.relative_to(SRC)) for p in SRC.rglob("*.py") if hashes(p)}
    assert found == set(PLACES)
