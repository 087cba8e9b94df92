"""The OpenAPI document of the hub's API, made from the types, without a running hub."""

import json
from pathlib import Path
from typing import cast

from safetynet.web.app import create_app
from safetynet.web.desk import Desk


def openapi_text() -> str:
    """The document as indented JSON; equal types give equal text."""
    # Routes only close over the desk; making the document calls none of them.
    app = create_app(cast(Desk, object()), static=Path("/nonexistent"))
    return json.dumps(app.openapi_schema.to_schema(), indent=1, ensure_ascii=False, sort_keys=True)
