"""What a bundle says about itself: RO-Crate metadata, a citation, and a text for people."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from hessweep.errors import InputError
from hessweep.version import __version__

CRATE, CITATION, README = "ro-crate-metadata.json", "CITATION.cff", "README.txt"
"""The files that this module gives the content of."""

PAPER = "A Teacher-Student Perspective on the Dynamics of Learning Near the Optimal Point"
PAPER_AUTHORS, PAPER_YEAR, PAPER_ARXIV = "The authors of arXiv 2512.15606", 2025, "2512.15606"
"""The paper that hessweep starts from, as the package's own CITATION.cff names it."""

_VERSION = "https://w3id.org/ro/crate/1.2"
_SPDX = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")

_FORMATS = {
    ".cff": "text/yaml",
    ".csv": "text/csv",
    ".html": "text/html",
    ".json": "application/json",
    ".npy": "application/octet-stream",
    ".npz": "application/zip",
    ".parquet": "application/vnd.apache.parquet",
    ".py": "text/x-python",
    ".txt": "text/plain",
    ".yaml": "text/yaml",
    ".yml": "text/yaml",
}
"""Media types by the end of a file's name."""


@dataclass(frozen=True)
class About:
    """What the exporter says of the results."""

    title: str
    authors: tuple[str, ...]
    """Each `Family, Given` for a person, or another name for a group."""
    license: str
    """An SPDX identifier such as CC-BY-4.0, or nothing."""
    date: str
    """The day of the export, as in 2026-01-31."""

    def __post_init__(self) -> None:
        """Check what the user gave.

        Raises:
            InputError: If the licence is not an SPDX identifier, or a name is empty.
        """
        if self.license and not _SPDX.fullmatch(self.license):
            raise InputError(
                f"license: expected an SPDX identifier such as CC-BY-4.0, got {self.license!r}"
            )
        for name in (self.title, *self.authors):
            if not name.strip(" ,") or not name.isprintable():
                raise InputError(f"expected a title and names that can be printed, got {name!r}")


def citation(about: About) -> str:
    """Return the text of a CITATION.cff (Citation File Format 1.2.0) of the results."""
    paper = {
        "type": "article",
        "title": PAPER,
        "authors": [{"name": PAPER_AUTHORS}],
        "year": PAPER_YEAR,
        "identifiers": [{"type": "other", "value": f"arXiv:{PAPER_ARXIV}"}],
    }
    software = {
        "type": "software",
        "title": "hessweep",
        "version": __version__,
        "authors": [{"name": "The hessweep authors"}],
    }
    said: dict[str, Any] = {
        "cff-version": "1.2.0",
        "message": "If you use these results, please cite them, and the software and the paper.",
        "type": "dataset",
        "title": about.title,
        "authors": [_cff_author(name) for name in about.authors],
        "date-released": about.date,
        "references": [software, paper],
    }
    if about.license:
        said["license"] = about.license
    return str(yaml.safe_dump(said, sort_keys=False, allow_unicode=True))


def _cff_author(name: str) -> dict[str, str]:
    family, comma, given = (part.strip() for part in name.partition(","))
    return {"family-names": family, "given-names": given} if comma and given else {"name": name}


def crate(
    about: About, sizes: Mapping[str, int], folders: Mapping[str, str], provenance: dict[str, Any]
) -> str:
    """Return RO-Crate 1.2 metadata: what each part of the bundle is and how it was computed.

    Args:
        about: What the exporter says of the results.
        sizes: The files that are described one by one, each with its length in bytes.
        folders: The folders that are described as a whole, each with what is in it.
        provenance: What `provenance.json` says.
    """
    files = [_file(name, size) for name, size in sizes.items()]
    datasets = [
        {"@id": f"{name}/", "@type": "Dataset", "name": name, "description": text}
        for name, text in folders.items()
    ]
    authors = [_crate_author(number, name) for number, name in enumerate(about.authors, 1)]
    software = [_software(*used) for used in sorted(_computed_with(provenance))]
    studies = [_reference(file) for file in files if str(file["@id"]).startswith("study/")]
    action: dict[str, Any] = {
        "@id": "#computation",
        "@type": "CreateAction",
        "name": "Computation of the points of the study",
        "instrument": [_reference(one) for one in software],
        "object": studies,
        "result": [_reference(one) for one in datasets],
        "endTime": max(group["published_at"] for group in provenance["groups"]),
    }
    paper = {
        "@id": f"https://arxiv.org/abs/{PAPER_ARXIV}",
        "@type": "ScholarlyArticle",
        "name": PAPER,
    }
    licence = _licence(about.license)
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": about.title,
        "description": "Hessian spectra and ranks of teacher-student networks, by hessweep.",
        "datePublished": about.date,
        "license": _reference(licence),
        "author": [_reference(author) for author in authors],
        "citation": _reference(paper),
        "hasPart": [_reference(part) for part in (*files, *datasets)],
        "mentions": _reference(action),
    }
    descriptor = {
        "@id": CRATE,
        "@type": "CreativeWork",
        "conformsTo": {"@id": _VERSION},
        "about": {"@id": "./"},
    }
    graph = [descriptor, root, *files, *datasets, *authors, licence, *software, action, paper]
    return json.dumps({"@context": f"{_VERSION}/context", "@graph": graph}, indent=1) + "\n"


def _reference(entity: Mapping[str, Any]) -> dict[str, Any]:
    return {"@id": entity["@id"]}


def _file(name: str, size: int) -> dict[str, Any]:
    suffix = name[name.rfind(".") :]
    return {
        "@id": name,
        "@type": "File",
        "name": name,
        "encodingFormat": _FORMATS.get(suffix, "application/octet-stream"),
        "contentSize": str(size),
    }


def _crate_author(number: int, name: str) -> dict[str, Any]:
    family, comma, given = (part.strip() for part in name.partition(","))
    is_person = bool(comma and given)
    return {
        "@id": f"#author-{number}",
        "@type": "Person" if is_person else "Organization",
        "name": f"{given} {family}" if is_person else name,
    }


def _licence(identifier: str) -> dict[str, Any]:
    if identifier:
        return {
            "@id": f"https://spdx.org/licenses/{identifier}",
            "@type": "CreativeWork",
            "name": identifier,
            "description": f"The licence that SPDX calls {identifier}.",
        }
    return {
        "@id": "#licence",
        "@type": "CreativeWork",
        "name": "No licence is stated",
        "description": "Ask the authors before you use these results.",
    }


def _computed_with(provenance: dict[str, Any]) -> set[tuple[str, str]]:
    """Return version and commit of each hessweep that computed points."""
    machines: Sequence[dict[str, Any]] = [
        machine for group in provenance["groups"] for machine in group["computed_with"]
    ]
    return {
        (machine["versions"].get("hessweep", ""), machine.get("commit", ""))
        for machine in machines
    }


def _software(version: str, commit: str) -> dict[str, Any]:
    described = f"{version}, commit {commit}" if commit else version
    return {
        "@id": f"#hessweep-{version}{'-' if commit else ''}{commit}",
        "@type": "SoftwareApplication",
        "name": "hessweep",
        "softwareVersion": described,
    }


def readme(about: About, groups: Sequence[str], *, has_segments: bool) -> str:
    """Return what somebody reads who does not know this package."""
    first = groups[0]
    check = (
        "    hessweep verify BUNDLE.zip          checks every byte and computes a sample again\n"
        if has_segments
        else "    hessweep verify BUNDLE.zip          checks every byte\n"
    )
    return f"""{about.title}

Hessian spectra and ranks of teacher-student networks, computed by hessweep {__version__}.

With hessweep, without unpacking:

{check}    hessweep query BUNDLE.zip           prints rows
    hessweep.open_results("BUNDLE.zip")  in Python: xarray datasets, read lazily

Without hessweep, after `unzip BUNDLE.zip -d FOLDER`:

    points.parquet                      the table of points: pandas, polars, DuckDB, R
    xarray.open_zarr("published/{first}.zarr")
                                        all columns and all eigenvalues of one activation
    sha256sum --check manifest-sha256.txt

study/ has the study that asked for the points, where it was given; provenance.json says with which
software on which processor they were computed; ro-crate-metadata.json describes all parts
(RO-Crate); CITATION.cff says how to cite them.
"""
