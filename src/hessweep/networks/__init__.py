"""Networks, random teachers, wider students, and the order of their parameters."""

from hessweep.networks.as_deep import as_deep
from hessweep.networks.deep import DeepNetwork, check_two_layers
from hessweep.networks.deep_teachers import (
    biased_layers,
    check_widths,
    parameter_count,
    sample_deep_teacher,
)
from hessweep.networks.input_laws import InputLaw
from hessweep.networks.inputs import Inputs
from hessweep.networks.layout import Layout, check_sizes
from hessweep.networks.own_teachers import (
    own_teachers,
    stacked_teachers,
    teachers_layout,
    weights_hash,
    weights_text,
)
from hessweep.networks.samples import sample_inputs
from hessweep.networks.stack import NetworkStack
from hessweep.networks.stored_arrays import StoredArrays
from hessweep.networks.students import Student, widen
from hessweep.networks.teachers import (
    BIASES,
    MAX_SEED,
    WEIGHTS,
    sample_stack,
    sample_teacher,
    sample_teachers,
    sample_weights,
)
from hessweep.networks.two_layer import Network, require_plain

__all__ = [
    "BIASES",
    "MAX_SEED",
    "WEIGHTS",
    "DeepNetwork",
    "InputLaw",
    "Inputs",
    "Layout",
    "Network",
    "NetworkStack",
    "StoredArrays",
    "as_deep",
    "biased_layers",
    "Student",
    "check_sizes",
    "check_two_layers",
    "check_widths",
    "parameter_count",
    "require_plain",
    "sample_deep_teacher",
    "own_teachers",
    "sample_inputs",
    "sample_stack",
    "sample_teacher",
    "sample_teachers",
    "sample_weights",
    "stacked_teachers",
    "teachers_layout",
    "weights_hash",
    "weights_text",
    "widen",
]
