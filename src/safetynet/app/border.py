"""Which cameras of one district stand at the border of another, and how the other may count on them."""

from itertools import compress

import msgspec
import numpy as np

from safetynet.base.ids import NodeId
from safetynet.city.model import CameraKind
from safetynet.city.near import Surroundings
from safetynet.federation.catalogue import Catalogue
from safetynet.federation.messages import CameraRecord


def border_part(catalogue: Catalogue, of: NodeId, around: Surroundings) -> Catalogue:
    """The cameras of a catalogue at the border of the district ``of``, as that one counts on them.

    A neighbour has nobody to turn them for it, so one that turns counts as it looks at home.
    """
    lon = np.array([record.lon for record in catalogue.cameras], np.float64)
    lat = np.array([record.lat for record in catalogue.cameras], np.float64)
    near = around.which_near(of, lon, lat)
    return Catalogue(catalogue.node, map(_at_home, compress(catalogue.cameras, near)))


def _at_home(record: CameraRecord) -> CameraRecord:
    if record.kind != CameraKind.PTZ:
        return record
    return msgspec.structs.replace(record, kind=int(CameraKind.FIXED))
