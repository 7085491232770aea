"""`hessweep export`: passing results on."""

import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from hessweep.address import Address
from hessweep.cli.inspect import Results, existing
from hessweep.cli.output import AsJson, print_json, tell


def export(
    results: Results,
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="The zip file to write.")],
    study: Annotated[
        Path | None,
        typer.Option(
            metavar="STUDY",
            help="The study file, which goes in with the files that it names, in the place of the "
            "one that was kept with the results.",
        ),
    ] = None,
    title: Annotated[str | None, typer.Option(help="What the results are called.")] = None,
    author: Annotated[
        list[str] | None,
        typer.Option(help="`Family, Given` of a person, or the name of a group; may be repeated."),
    ] = None,
    licence: Annotated[
        str, typer.Option("--license", help="The SPDX identifier of a licence, as in CC-BY-4.0.")
    ] = "",
    no_segments: Annotated[
        bool,
        typer.Option("--no-segments", help="Leave out the segments, which `verify` needs."),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a file that is there already.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write results as one zip file, which `query`, `verify` and `open_results` take."""
    from hessweep.sharing.export import export as export_results
    from hessweep.sharing.fetching import fetched
    from hessweep.sharing.metadata import About
    from hessweep.sharing.study_files import files_of, kept_files
    from hessweep.units import show_bytes, show_count

    root = existing(results)
    name = root.name if isinstance(root, Address) else root.resolve().name
    about = About(
        title or f"Results of the study {name}",
        tuple(author or (f"The authors of the study {name}",)),
        licence,
        datetime.now(UTC).date().isoformat(),
    )
    inside: dict[str, Path] | None = None
    if study is not None:
        from hessweep.outputs import load_study

        found = files_of(study, load_study(study))
        inside = found.inside
        for path in found.outside:
            tell(f"{path} is not in the bundle: it is outside of the folder of {study}")
    with ExitStack() as stack:
        folder = stack.enter_context(fetched(root)) if isinstance(root, Address) else root
        if study is None and not kept_files(folder):
            tell("the study file is not in the bundle; --study STUDY adds it")
        done = export_results(
            folder, bundle, about, study_files=inside, with_segments=not no_segments, force=force
        )
    if as_json:
        print_json({"points": done.points, "files": done.files, "bytes": done.bytes})
        return
    sys.stdout.write(
        f"{show_count(done.points, 'point')} in {show_count(done.files, 'file')}, "
        f"{show_bytes(done.bytes)}: {bundle}\n"
    )
