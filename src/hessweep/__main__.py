"""`python -m hessweep`: the same as the command `hessweep`."""

from hessweep.cli import main

main()
