"""``safetynet destroy``: have the running hub destroy sealed words, and print what was destroyed."""

import urllib.error
import urllib.request

import msgspec

from safetynet.base.errors import ConflictError, InvalidError, SafetyNetError, UnavailableError
from safetynet.web.types import DestroyedView, DestroyIn, Problem

WITHIN_S = 30.0


def run_destroy(subject: str, *, because: str, by: str, hub: str) -> int:
    """Ask the hub; 0 where no key of it is left.

    The hub does it, not this process: it holds the keys and the words in memory, and is the one
    writer of its journal.
    """
    try:
        asked = msgspec.convert({"subject": subject, "because": because, "by": by}, DestroyIn)
    except msgspec.ValidationError as error:
        raise InvalidError("destroy.asked", str(error)) from error
    done = _ask(f"{hub.rstrip('/')}/api/destructions", asked)
    for name in DestroyedView.__struct_fields__:
        print(f"{name}\t{getattr(done, name)}")
    return 0


def _ask(url: str, asked: DestroyIn) -> DestroyedView:
    request = urllib.request.Request(
        url,
        data=msgspec.json.encode(asked),
        headers={"content-type": "application/json"},
        method="POST",
    )
    # The hub is in our own network: whatever proxy the shell names is not asked.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=WITHIN_S) as answer:
            return msgspec.json.decode(answer.read(), type=DestroyedView)
    except urllib.error.HTTPError as error:
        raise _refusal(error) from error
    except (OSError, msgspec.MsgspecError) as error:
        raise UnavailableError(
            "destroy.no_hub", f"no answer of the hub: {error}", url=url
        ) from error


def _refusal(error: urllib.error.HTTPError) -> SafetyNetError:
    """What the hub said, as it would have been said here."""
    try:
        told = msgspec.json.decode(error.read(), type=Problem)
    except msgspec.MsgspecError:
        return UnavailableError("destroy.no_hub", f"the hub answered {error.code}")
    if error.code == 409:
        return ConflictError(told.type, told.title, **told.fields)
    return InvalidError(told.type, told.title, **told.fields)
