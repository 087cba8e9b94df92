"""The command line of ``safetynet keys`` and ``safetynet nats``; what they do is loaded when asked."""

import argparse
from pathlib import Path

type Commands = "argparse._SubParsersAction[argparse.ArgumentParser]"

DAYS = 365


def add_keys(commands: Commands) -> None:
    """``safetynet keys VERB``."""
    keys = commands.add_parser(
        "keys",
        help="make, sign, renew and list the keys by which nodes know each other",
        description="A city signs its nodes. A node makes its keys itself, sends a request, and takes "
        "the answer; nothing private travels.",
    )
    verbs = keys.add_subparsers(title="verbs", required=True, metavar="VERB")

    _add_city(verbs)

    node = verbs.add_parser("node", help="make, sign and take a node's keys on the city's machine")
    node.add_argument("city", type=Path, metavar="CITY")
    node.add_argument("folder", type=Path, metavar="KEYS")
    _add_node(node)
    _add_days(node)
    node.set_defaults(run=_node)

    request = verbs.add_parser("request", help="make a node's keys and a request to be signed")
    request.add_argument("folder", type=Path, metavar="KEYS")
    _add_node(request)
    request.set_defaults(run=_request)

    sign = verbs.add_parser("sign", help="sign a node's request")
    sign.add_argument("city", type=Path, metavar="CITY")
    sign.add_argument("node", metavar="NODE", help="whose request it must be")
    sign.add_argument("file", type=Path, metavar="REQUEST")
    sign.add_argument("-o", "--out", type=Path, required=True, metavar="ANSWER")
    _add_days(sign)
    sign.set_defaults(run=_sign)

    take = verbs.add_parser("take", help="put requested keys into use with the city's answer")
    take.add_argument("folder", type=Path, metavar="KEYS")
    take.add_argument("answer", type=Path, metavar="ANSWER")
    take.set_defaults(run=_take)

    _add_trust(verbs)
    _add_signing(verbs)

    list_ = verbs.add_parser(
        "list", help="whose keys hold until when; exit 1 where some have ended"
    )
    list_.add_argument("folder", type=Path, metavar="FOLDER", help="a city's or a node's")
    list_.set_defaults(run=_list)

    drop = verbs.add_parser("drop", help="strike a node's keys from the register")
    drop.add_argument("city", type=Path, metavar="CITY")
    drop.add_argument("node", metavar="NODE")
    drop.add_argument("--serial", help="only these, by the beginning of their serial")
    drop.set_defaults(run=_drop)


def _add_city(verbs: Commands) -> None:
    city = verbs.add_parser("city", help="make the city's key, which signs nodes")
    city.add_argument("folder", type=Path, metavar="CITY")
    city.add_argument("--name", default="Smart City Safety Net", help="in its certificate")
    change = city.add_mutually_exclusive_group()
    change.add_argument(
        "--renew", action="store_true", help="make it anew; both are believed until --retire"
    )
    change.add_argument(
        "--retire", action="store_true", help="end a renewal: the old key is believed no more"
    )
    city.set_defaults(run=_city)


def _add_trust(verbs: Commands) -> None:
    trust = verbs.add_parser("trust", help="believe the city's new key, or no longer the old one")
    trust.add_argument("folder", type=Path, metavar="KEYS")
    trust.add_argument("file", type=Path, metavar="TRUST", help="the city's trust.pem")
    trust.set_defaults(run=_trust)


def _add_signing(verbs: Commands) -> None:
    signing = verbs.add_parser(
        "signing", help="the public half of the hub's signing key, for districts' settings"
    )
    signing.add_argument("data", type=Path, metavar="DATA", help="the hub's data folder")
    step = signing.add_mutually_exclusive_group()
    step.add_argument(
        "--next", action="store_true", help="of the next key, made where there is none"
    )
    step.add_argument("--use", action="store_true", help="put the next key into use")
    signing.set_defaults(run=_signing)


def add_nats(commands: Commands) -> None:
    """``safetynet nats hub|district``."""
    nats = commands.add_parser("nats", help="write the configuration of a node's NATS server")
    roles = nats.add_subparsers(title="roles", required=True, metavar="ROLE")
    hub = roles.add_parser("hub", help="the hub's: districts in the register may join")
    hub.add_argument("keys", type=Path, metavar="KEYS", help="the hub's own")
    hub.add_argument("--city", type=Path, required=True, metavar="CITY", help="the register")
    hub.add_argument("--leafs", required=True, metavar="HOST:PORT", help="where districts join")
    hub.add_argument(
        "--cluster", metavar="HOST:PORT", help="where the hub's other servers reach this one"
    )
    hub.add_argument(
        "--route",
        dest="routes",
        action="append",
        default=[],
        metavar="HOST:PORT",
        help="another server of the hub's cluster; may be repeated",
    )
    hub.set_defaults(run=_nats_hub)
    district = roles.add_parser("district", help="a district's, a leaf node of the hub's")
    district.add_argument("keys", type=Path, metavar="KEYS", help="the district's own")
    district.add_argument(
        "--hub",
        action="append",
        required=True,
        metavar="HOST:PORT",
        help="where it joins; repeated where the hub has several servers",
    )
    district.set_defaults(run=_nats_district)
    for role in (hub, district):
        role.add_argument(
            "--clients",
            default="127.0.0.1:4222",
            metavar="HOST:PORT",
            help="where the node's own processes connect (default 127.0.0.1:4222)",
        )
        role.add_argument("-o", "--out", type=Path, required=True, metavar="FILE")


def _add_node(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("node", metavar="NODE", help="hub, or the district's name in the bundle")
    parser.add_argument(
        "--host",
        dest="hosts",
        action="append",
        default=[],
        help="name or address at which others reach its NATS server; may be repeated",
    )
    parser.add_argument("--renew", action="store_true", help="where there are keys already")


def _add_days(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--days", type=int, default=DAYS, help=f"it holds (default {DAYS})")


def _city(a: argparse.Namespace) -> int:
    from safetynet.app.keys_command import make_city, renew_city, retire_city

    if a.retire:
        return retire_city(a.folder)
    return (renew_city if a.renew else make_city)(a.folder, name=a.name)


def _signing(a: argparse.Namespace) -> int:
    from safetynet.app.keys_command import signing

    return signing(a.data, fresh=a.next, use=a.use)


def _trust(a: argparse.Namespace) -> int:
    from safetynet.app.keys_command import trust

    return trust(a.folder, a.file)


def _node(a: argparse.Namespace) -> int:
    from safetynet.app.keys_command import make_node

    return make_node(a.city, a.folder, a.node, hosts=a.hosts, days=a.days, renew=a.renew)


def _request(a: argparse.Namespace) -> int:
    from safetynet.app.keys_command import request

    return request(a.folder, a.node, hosts=a.hosts, renew=a.renew)


def _sign(a: argparse.Namespace) -> int:
    from safetynet.app.keys_command import sign

    return sign(a.city, a.node, a.file, out=a.out, days=a.days)


def _take(a: argparse.Namespace) -> int:
    from safetynet.app.keys_command import take

    return take(a.folder, a.answer)


def _list(a: argparse.Namespace) -> int:
    from safetynet.app.keys_command import list_keys

    return list_keys(a.folder)


def _drop(a: argparse.Namespace) -> int:
    from safetynet.app.keys_command import drop

    return drop(a.city, a.node, serial=a.serial)


def _nats_hub(a: argparse.Namespace) -> int:
    from safetynet.app.nats_command import read_address, write_hub

    return write_hub(
        a.keys,
        a.city,
        clients=read_address(a.clients),
        leafs=read_address(a.leafs),
        cluster=read_address(a.cluster) if a.cluster else None,
        routes=[read_address(text) for text in a.routes],
        out=a.out,
    )


def _nats_district(a: argparse.Namespace) -> int:
    from safetynet.app.nats_command import read_address, write_district

    clients, hub = read_address(a.clients), [read_address(text) for text in a.hub]
    return write_district(a.keys, clients=clients, hub=hub, out=a.out)
