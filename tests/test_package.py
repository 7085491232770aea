"""The public names, as a user meets them."""

import subprocess
import sys

import numpy as np
import pytest

import hessweep
from hessweep.setup import Setup
from hessweep.store import publish, write_segment


def test_every_public_name_is_there_and_documented():
    for name in hessweep.__all__:
        assert getattr(hessweep, name).__doc__, name
        assert name in dir(hessweep)
    with pytest.raises(AttributeError, match="no attribute 'spectrums'"):
        _ = hessweep.spectrums


def test_functions_keep_their_names_whatever_is_imported_before():
    program = (
        "import hessweep.rank, hessweep.spectrum.plan, hessweep.hessian\n"
        "import hessweep\n"
        "network = hessweep.sample_teacher('erf', N_i=2, N_h=3, seed=0)\n"
        "print(hessweep.rank(network).value, hessweep.spectrum(network).shape,"
        " hessweep.hessian(network).shape)\n"
    )
    output = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert output == "9 (9,) (9, 9)\n"


def test_import_loads_nothing_heavy():
    program = (
        "import sys, hessweep\n"
        "print([name for name in ('numpy', 'scipy', 'dask') if name in sys.modules])\n"
    )
    output = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert output == "[]\n"


def test_a_query_does_without_the_mathematics(tmp_path):
    write_segment(tmp_path, [Setup(hessweep.activation("linear"), 2, 3).point(0).compute()])
    publish(tmp_path)
    program = (
        "import sys\n"
        "from hessweep.cli import main\n"
        f"try: main(['query', {str(tmp_path)!r}, 'N_i == 2', '--columns', 'rank'])\n"
        "except SystemExit: pass\n"
        "heavy = ('scipy', 'flint', 'dask', 'pandas', 'xarray')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    output = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert output.split() == ["rank", "2", "[]"]


def test_a_run_with_nothing_to_do_does_without_the_mathematics(tmp_path):
    study = tmp_path / "study.yaml"
    study.write_text(
        f"name: a\nresults: {tmp_path}/a\nsweeps: {{a: {{activation: erf, N: 2, seeds: 1}}}}\n"
    )
    write_segment(tmp_path / "a", [Setup(hessweep.activation("erf"), 2, 2).point(0).compute()])
    publish(tmp_path / "a")
    program = (
        "import sys\n"
        "from hessweep.cli import main\n"
        f"try: main(['run', {str(study)!r}, '--json'])\n"
        "except SystemExit: pass\n"
        "heavy = ('scipy.linalg', 'scipy.special', 'flint', 'distributed', 'pandas', 'xarray')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    output = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert output.splitlines() == [
        '{"requested": 1, "computed": 0, "reused": 1, "failed": 0}',
        "[]",
    ]


def test_the_readme_s_lines_in_python():
    network = hessweep.sample_teacher("quadratic", N_i=6, N_h=4, seed=1)
    H = hessweep.hessian(network)
    assert np.allclose(np.linalg.eigvalsh(H), hessweep.spectrum(network), atol=1e-12)
    rank = hessweep.rank(network)
    assert rank.certificate == "proved"
    assert rank.value == hessweep.effective_parameters("quadratic", 6, 4)
    operator = hessweep.hessian_operator(network)
    assert np.allclose(operator @ np.ones(network.P), H @ np.ones(network.P))
    law = hessweep.laws.hessian_law(10, 20, exact=True)
    assert law.cdf(law.ppf(0.25)) == pytest.approx(0.25, abs=1e-9)
