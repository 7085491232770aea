"""`hessweep make`: the whole workflow of a study, from a clone or from an installed package."""

import sysconfig
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Annotated

import typer

from hessweep.errors import InputError

PACKAGE = Path(__file__).parents[1]


def make(
    study_file: Annotated[Path, typer.Argument(metavar="STUDY", help="The study file.")],
    options: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[-- OPTIONS]",
            help="Options and targets for Snakemake, such as `-- --dry-run` or `-- tables`.",
        ),
    ] = None,
    profile: Annotated[
        str,
        typer.Option(help="`default`, `slurm`, or a folder with a profile of your own."),
    ] = "default",
) -> None:
    """Run the workflow: compute what is missing, then make tables, figures and the report.

    What is up to date is not made again. Everything goes to the study's results folder, below the
    folder in which you are.
    """
    from hessweep.outputs import load_study

    load_study(study_file)  # its mistakes are told before Snakemake starts
    from snakemake.cli import main as snakemake

    home = workflow_home()
    own = home / "workflow" / "profiles" / profile
    snakemake(
        [
            "--snakefile",
            str(home / "Snakefile"),
            "--workflow-profile",
            str(own if own.is_dir() else profile),
            "--config",
            f"study={study_file}",
            *(["--", *options] if options and not options[0].startswith("-") else options or ()),
        ]
    )


def workflow_home() -> Path:
    """Return the folder that holds `Snakefile` and `workflow/`.

    In a clone that is its top folder. An installed package carries both, in `share/hessweep` of
    its environment.

    Raises:
        InputError: If the workflow is not there, because the installation is incomplete.
    """
    for folder in _candidates():
        if (folder / "Snakefile").is_file() and (folder / "workflow").is_dir():
            return folder
    raise InputError(
        f"the workflow of hessweep is not beside its package in {PACKAGE}; "
        "install it anew with `pip install --force-reinstall hessweep`, or use a clone"
    )


def _candidates() -> list[Path]:
    folders = [PACKAGE.parents[1]]
    try:
        files = distribution("hessweep").files or []
    except PackageNotFoundError:
        files = []
    folders += [Path(str(file.locate())).parent for file in files if file.name == "Snakefile"]
    # `pip install --target` moves files without writing down where to.
    shared = Path("share", "hessweep")
    return [*folders, Path(sysconfig.get_path("data")) / shared, PACKAGE.parent / shared]


__all__ = ["make", "workflow_home"]
