"""What errors of the database mean to whoever asked; foreign errors are translated here, once."""

import sqlite3

from sqlalchemy.exc import DBAPIError, OperationalError

from safetynet.base.errors import UnavailableError

_UNREACHABLE = ("08", "57P", "28", "53300", "25P03", "3D000")
"""SQLSTATEs of PostgreSQL (appendix A), by how they begin: connection lost or refused, server
shutting down, log-in refused, no connection left, ended because it stood still, no such database."""


def translate(error: Exception) -> Exception:
    """``UnavailableError`` where the database could not; else the error as it is.

    ``store.unavailable`` it does not answer, ``store.locked`` another writer took too long,
    ``store.slow`` a statement took too long, ``store.full`` no room. Nothing was written.
    """
    if not isinstance(error, DBAPIError):
        return error
    fault = _of_sqlite(error.orig) if isinstance(error.orig, sqlite3.Error) else _of_server(error)
    if fault is None:
        return error
    fault.__cause__ = error
    return fault


def translate_commit(error: Exception) -> Exception:
    """The same for an error that the COMMIT itself met.

    Where the connection was lost before the answer came nobody knows whether it was written:
    ``UnavailableError`` ``store.unknown``.
    """
    if not isinstance(error, DBAPIError) or not error.connection_invalidated:
        return translate(error)
    fault = UnavailableError(
        "store.unknown", "the answer to the commit was lost: look before asking again"
    )
    fault.__cause__ = error
    return fault


def lost() -> UnavailableError:
    """The connection went away before the commit was asked for."""
    return UnavailableError("store.unavailable", "the database does not answer")


def _of_server(error: DBAPIError) -> UnavailableError | None:
    state: str | None = getattr(error.orig, "sqlstate", None)
    # Without a SQLSTATE the driver itself speaks: it cannot connect, or will not send a value.
    silent = state is None and isinstance(error, OperationalError)
    if error.connection_invalidated or silent:
        return lost()
    match state or "":
        case "55P03":
            return UnavailableError("store.locked", "another writer took too long")
        case "57014":
            return UnavailableError("store.slow", "a statement took too long")
        case "53100":
            return UnavailableError("store.full", "no room on the database's disk")
        case code if code.startswith(_UNREACHABLE):
            return lost()
        case _:
            return None


def _of_sqlite(error: sqlite3.Error) -> UnavailableError | None:
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:  # the primary code
        case sqlite3.SQLITE_BUSY:
            return UnavailableError("store.locked", "another writer took too long")
        case sqlite3.SQLITE_FULL:
            return UnavailableError("store.full", "no room on the database's disk")
        case sqlite3.SQLITE_IOERR | sqlite3.SQLITE_CANTOPEN:
            return lost()
        case _:
            return None
