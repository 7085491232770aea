"""Whether a bundle still holds what was exported: its bytes, and what is checked of results."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

from hessweep.activations import Activation
from hessweep.networks import StoredArrays
from hessweep.running.verification import Verification, verify
from hessweep.store.archive import open_archive
from hessweep.store.files import accessing
from hessweep.store.opening import open_groups
from hessweep.store.published import FOLDER
from hessweep.store.rows import read_stored
from hessweep.store.segments import FOLDER as SEGMENTS
from hessweep.store.verification import Problem

NO_SEGMENTS = "the bundle was exported without segments, so that its bytes alone were checked"
DAMAGED = "the bundle is damaged, so that its bytes alone were checked"


def verify_bundle(
    path: Path,
    sample: int = 20,
    seed: int = 0,
    activations: Iterable[Activation] = (),
    files: Iterable[StoredArrays] = (),
) -> Verification:
    """Check every byte of a bundle, and what `hessweep.running.verify` checks of a folder.

    For the latter, segments and published groups are unpacked into a temporary folder, which
    takes as much room there as the bundle has. No code that the bundle holds is run.

    Args:
        path: The bundle.
        sample: How many points to compute again, drawn at random; all if there are fewer.
        seed: Of that draw.
        activations: Activations of your own, such as those of a study that you trust.
        files: Files of arrays that points need.

    Raises:
        QueryError: If it is not a bundle.
        DamagedStoreError: If its list of files is damaged.
        StoreAccessError: If it can not be read, or the temporary folder not be written.
    """
    archive = open_archive(path)
    damage = tuple(
        Problem("damaged bundle", Path(name), message) for name, message in archive.damage()
    )
    has_segments = any(name.startswith(f"{SEGMENTS}/") for name in archive.members)
    if damage or not has_segments:
        points = 0 if damage else _count_points(path)
        reason = DAMAGED if damage else NO_SEGMENTS
        skipped = min(sample, points) if not damage else sample
        size = sum(archive.members.values())
        return Verification(0, points, size, 0, skipped, damage, {reason: skipped})
    place = Path(tempfile.gettempdir())
    with accessing(place, "unpack the bundle in"), tempfile.TemporaryDirectory() as folder:
        archive.unpack(Path(folder), (f"{SEGMENTS}/", f"{FOLDER}/"))
        return verify(Path(folder), sample, seed, activations, files)


def _count_points(path: Path) -> int:
    return sum(len(read_stored(group, "seed")) for group in open_groups(path))
