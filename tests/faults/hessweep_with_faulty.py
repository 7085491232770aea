"""The command, in a process where a study can name the activations of `faulty_activations`."""

import faulty_activations

from hessweep.activations import ACTIVATIONS
from hessweep.cli import main

ACTIVATIONS |= {
    "raising": faulty_activations.Raising,
    "exiting": faulty_activations.Exiting,
    "deadly": faulty_activations.Deadly,
    "notanumber": faulty_activations.NotANumber,
    "greedy": faulty_activations.Greedy,
}

if __name__ == "__main__":
    main()
