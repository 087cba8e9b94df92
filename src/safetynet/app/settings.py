"""Settings of the processes, read from a JSON or TOML file that an operator can write by hand."""

import tomllib
from pathlib import Path

import msgspec

from safetynet.access.keys import NodeJwk
from safetynet.access.lease import HubLoss
from safetynet.base.errors import InvalidError, NotFoundError
from safetynet.base.ids import NodeId

WALLS_FILE = "walls.npz"
"""Under the ``data`` of a node with a desk: what walls hide. No truth; it may be removed at any time."""


class CameraAccess(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a district reaches its cameras; ``{camera}`` stands for the camera's id."""

    rtsp_url: str
    """RTSP address that gives H.264, e.g. ``rtsp://vms.example/{camera}``."""
    onvif_url: str | None = None
    """ONVIF device service; without it cameras are neither turned nor asked for key frames."""
    user: str | None = None
    """Login of the cameras, for both addresses."""
    password: str | None = None
    """Its password; keep the settings file readable by the service's account alone."""


class ExportSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What viewers may take from an open view into files of the district, where its policy permits it."""

    seconds_max: float = 60.0
    """No clip is longer."""
    disk_mb: int = 2048
    """Room under ``data`` for all clips together, in MiB; beyond it no further clip is begun."""
    keep_days: int = 30
    """A file is destroyed after this, and the ledger says so."""


class DeskSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A district's own desk: doors for reports and a console of its own, with the hub or without."""

    host: str = "127.0.0.1"
    """Address that HTTP and TCP frames are served on."""
    http_port: int = 8600
    """Console and API; told to the hub, whose console names it."""
    ucp_port: int = 8619
    """TCP frames of 119 and 112."""
    keys_url: str | None = None
    """The sealing keys' store, another database; ``keys/keys.sqlite`` under ``data`` where None."""
    staging: str | None = None
    """Address of a service that stages incidents in a simulated city, for the console."""
    demo: bool = False
    """Told to the console: this is no real city."""


class DistrictSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One district node."""

    node: NodeId
    """The district's name in the bundle, e.g. ``mapo``."""
    data: str
    """Folder of its store, keys and nothing of anybody else."""
    store_url: str | None = None
    """Its store on PostgreSQL, ``postgresql://…``; ``node.sqlite`` under ``data`` where None."""
    nats_url: str
    """The district's own NATS server, a leaf node of the hub's; with ``keys`` it begins ``tls://``."""
    keys: str | None = None
    """Folder of the node's certificate and nkey, as ``safetynet keys`` fills it. Without it the bus is
    neither secret nor proved, and must be on a loopback address."""
    when_hub_is_away: HubLoss = HubLoss.HOLD
    """The owner's will for running sessions then: ``hold`` to the hard end, ``cut`` at the lease's."""
    join_after_s: float = 0.0
    """Joins this long after its process starts; the demo lets districts join one by one."""
    cameras_file: str | None = None
    """The district's own list of cameras, CSV; read again when it changes. The bundle's where None."""
    policy_file: str | None = None
    """Cedar policies of this owner; the shipped default where None."""
    exports: ExportSettings = ExportSettings()
    """Bounds of clips and kept stills."""
    desk: DeskSettings | None = None
    """Its own desk, so that it takes reports and serves consoles by itself; none where None."""


class DistrictProcessSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """A process that runs one district, or several that share it but no state."""

    bundle: str
    """Folder of the city bundle; its cameras of these districts are the catalogue."""
    districts: tuple[DistrictSettings, ...]
    """The nodes of this process, each with its own store and connection."""
    cameras: CameraAccess
    """How their cameras are reached."""
    issuers: tuple[NodeJwk, ...]
    """Public keys of the nodes whose grants are honoured: the hub, and neighbours with a desk for cameras
    at their border."""
    probes_per_minute: float = 0.0
    """Cameras of each district that nobody watches and that are looked at in turn, whether they live and
    their picture moves; 0 looks at none. Ill cameras are looked at again in any case."""
    gateway_host: str = "127.0.0.1"
    """Address that the viewers' gateway listens on and tells the hub; viewers must reach it."""
    gateway_port: int = 0
    """Port of the gateway; 0 takes a free one."""
    log_level: str = "info"
    """``debug``, ``info``, ``warning`` or ``error``."""


class HubSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The hub."""

    bundle: str
    """Folder of the city bundle."""
    data: str
    """Folder of its store, its sealing keys and its signing key."""
    store_url: str | None = None
    """Its store on PostgreSQL, ``postgresql://…``; ``node.sqlite`` under ``data`` where None."""
    keys_url: str | None = None
    """The sealing keys' store, another database; ``keys/keys.sqlite`` under ``data`` where None."""
    nats_url: str
    """The hub's own NATS server; with ``keys`` it begins ``tls://``."""
    nats_urls: tuple[str, ...] = ()
    """The other servers of its cluster, in the order in which they are turned to when that one is gone."""
    keys: str | None = None
    """Folder of the hub's certificate and nkey, as ``safetynet keys`` fills it. Without it the bus is
    neither secret nor proved, and must be on a loopback address."""
    host: str = "127.0.0.1"
    """Address that HTTP and TCP frames are served on."""
    http_port: int = 8600
    """Console and API."""
    ucp_port: int = 8619
    """TCP frames of 119 and 112."""
    address: str | None = None
    """Where the hub's other processes reach this one, ``http://HOST:PORT``; ``host`` and ``http_port`` where
    None. For a hub of several processes on PostgreSQL alone."""
    staging: str | None = None
    """Address of a service that stages incidents in a simulated city, for the console."""
    demo: bool = False
    """Told to the console: this is no real city."""
    log_level: str = "info"
    """``debug``, ``info``, ``warning`` or ``error``."""

    @property
    def nats_servers(self) -> tuple[str, ...]:
        """Every server that this process may turn to, its own first."""
        return (self.nats_url, *self.nats_urls)

    @property
    def reached_at(self) -> str:
        """Base address of this process for the others of the hub."""
        return self.address or f"http://{self.host}:{self.http_port}"


def load_settings[T](path: Path, kind: type[T]) -> T:
    """Settings from a ``.json`` or ``.toml`` file.

    Raises ``NotFoundError`` where there is no file, and ``InvalidError`` that names what is wrong.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise NotFoundError(
            "settings.missing", "settings cannot be read", path=str(path)
        ) from error
    try:
        raw = tomllib.loads(data.decode()) if path.suffix == ".toml" else msgspec.json.decode(data)
        return msgspec.convert(raw, type=kind)
    except (ValueError, msgspec.MsgspecError) as error:
        raise InvalidError("settings.invalid", str(error), path=str(path)) from error


def save_settings(path: Path, settings: msgspec.Struct) -> None:
    """Write settings as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(settings), indent=2))
