"""The console's types come from the API as it is."""

from pathlib import Path

from safetynet.web.openapi import openapi_text

COMMITTED = Path(__file__).parents[2] / "console" / "src" / "api" / "openapi.json"


def test_the_console_was_generated_from_this_api() -> None:
    committed = COMMITTED.read_text(encoding="utf-8").strip()
    assert committed == openapi_text().strip(), "run `npm run api` in console/"
