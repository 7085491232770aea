"""What the tests of laws share."""

import pytest

from hessweep import activation

MISH = "import numpy as np\n\n\ndef mish(x):\n    return x * np.tanh(np.logaddexp(0, x))\n"


@pytest.fixture(scope="package")
def mish(tmp_path_factory):
    """Return an activation that hessweep does not have."""
    path = tmp_path_factory.mktemp("own") / "mish.py"
    path.write_text(MISH)
    return activation("mish", file=str(path))
