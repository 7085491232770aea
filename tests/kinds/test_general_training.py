"""The kind `training` for networks with biases, several outputs and other inputs."""

import numpy as np
import pytest

from hessweep.activations import activation
from hessweep.dynamics import PopulationLoss
from hessweep.setup import Setup


@pytest.mark.parametrize(
    ("biases", "N_o", "inputs"), [("both", 1, "standard"), ("hidden", 2, "mean(0.5)")]
)
def test_students_near_their_teacher_learn_it(biases, N_o, inputs):
    setup = Setup(activation("erf"), 2, 2, biases=biases, N_o=N_o, inputs=inputs, kind="training")
    [result] = setup.compute([1])
    loss, scalars = result.flat["loss"], result.scalars
    assert scalars["P"] == setup.P
    assert (np.diff(loss) <= result.flat["loss_error"][:-1] + 1e-15).all()
    assert scalars["final_loss"] == loss[-1]
    modes = result.flat["mode_eigenvalues"].reshape(len(loss), setup.P)
    surface = PopulationLoss(setup.network(1))
    assert loss[0] <= 10 * surface.scale
    assert modes.shape[1] == setup.P
