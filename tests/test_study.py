"""What a study file may say, what it means, and how its mistakes are told."""

import json
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from hessweep.activations import activation
from hessweep.errors import StudyError
from hessweep.setup import Setup
from hessweep.study import LocalCluster, SlurmCluster, Study, Sweep, parse_study, read_study

SLURM = {"kind": "slurm", "jobs": 1, "memory": "1GB"}
SWEEP = {"activation": "erf", "N": 3, "seeds": 2}


def study_of(**sweep: object) -> Study:
    return parse_study({"name": "demo", "sweeps": {"one": sweep}})


def shapes_of(**sweep: object) -> list[tuple[int, int]]:
    points = study_of(activation="linear", seeds=[7], **sweep).points()
    return [(point.setup.N_i, point.setup.N_h) for point in points]


def write(folder: Path, text: str) -> Path:
    path = folder / "study.yaml"
    path.write_text(text)
    return path


def test_the_documented_study_is_read(tmp_path: Path) -> None:
    study = read_study(
        write(
            tmp_path,
            """
            name: demo
            sweeps:
              erf-square: {activation: erf, N: [5, 10], seeds: 3}
              other:
                activation: [linear, {name: quadratic, epsilon: 0.5}]
                sizes: [[10, 20]]
                seeds: "100..101"
                weights: [normal, laplace]
            figures:
              fig2: {kind: law, sweeps: other, options: {bins: 40}}
            tables:
              ranks: {kind: ranks, sweeps: [other, erf-square]}
            cluster: local
            """,
        )
    )
    assert study.results == Path("results/demo")
    assert study.figures["fig2"].sweeps == ("other",)
    assert study.figures["fig2"].options == {"bins": 40}
    assert study.tables["ranks"].sweeps == ("other", "erf-square")
    assert study.cluster == LocalCluster()
    erf, quadratic = activation("erf"), activation("quadratic", epsilon=0.5)
    points = study.points()
    assert points[:6] == [Setup(erf, N, N).point(seed) for N in (5, 10) for seed in range(3)]
    assert len(points) == 6 + 2 * 2 * 2
    assert points[-1] == Setup(quadratic, 10, 20, weights="laplace").point(101)


def test_sizes_in_every_form() -> None:
    assert shapes_of(N="2..4") == [(2, 2), (3, 3), (4, 4)]
    assert shapes_of(N=[4, 2]) == [(4, 4), (2, 2)]
    assert shapes_of(N_i=[1, 2], N_h="5..6") == [(1, 5), (1, 6), (2, 5), (2, 6)]
    assert shapes_of(sizes=[[1, 2], [2, 1]]) == [(1, 2), (2, 1)]


def test_a_point_asked_for_twice_is_one_point() -> None:
    product = {"activation": "erf", "N_i": 4, "N_h": [4, 5], "seeds": 2}
    sweeps = {"a": SWEEP | {"N": [3, 3, 4]}, "b": product}
    study = parse_study({"name": "demo", "sweeps": sweeps})
    assert len(study.sweeps["a"].points()) == 4
    points = study.points()
    assert [(p.setup.N_i, p.setup.N_h, p.seed) for p in points] == [
        (N_i, N_h, seed) for N_i, N_h in ((3, 3), (4, 4), (4, 5)) for seed in (0, 1)
    ]
    assert len({point.key for point in points}) == len(points)


def test_a_study_written_as_data_is_the_same_study() -> None:
    slurm = {"kind": "slurm", "jobs": 3, "memory": "1.5 GiB", "prologue": ["module load x"]}
    study = parse_study(
        {
            "name": "demo",
            "sweeps": {
                "one": SWEEP | {"activation": ["erf", {"name": "quadratic", "epsilon": 2}]},
                "two": {"activation": "linear", "sizes": [[2, 3]], "seeds": [5, 1]},
            },
            "tables": {"t": {"kind": "ranks", "sweeps": "one"}},
            "cluster": slurm,
        }
    )
    data = json.loads(json.dumps(study.model_dump(mode="json")))
    assert data["sweeps"]["one"]["seeds"] == "0..1"
    assert parse_study(data) == study


def test_slurm_memory_is_bytes() -> None:
    cluster = {"kind": "slurm", "jobs": 3, "memory": "1.5 GiB", "queue": "main"}
    study = parse_study({"name": "demo", "sweeps": {"one": SWEEP}, "cluster": cluster})
    assert isinstance(study.cluster, SlurmCluster)
    assert study.cluster.memory == 1.5 * 2**30


@pytest.mark.parametrize(
    ("changes", "key", "told"),
    [
        ({"activation": "errf"}, "activation", "(did you mean 'erf'?); known are cos, cubic, erf"),
        ({"activation": {"name": "erf", "epsilon": 1}}, "activation", "no parameters"),
        ({"activation": {"name": "quadratic", "epsilon": True}}, "activation", "a number"),
        ({"activation": {"name": "quadratic", "epsilon": 10**400}}, "activation", "too large"),
        ({"activation": []}, "activation", "at least one"),
        ({"activation": 3}, "activation", "expected the name of an activation"),
        ({"N": 0}, "N", "a whole number from 1 to 1000000"),
        ({"N": [5, 0]}, "N", "got 0"),
        ({"N": 5.0}, "N", "got 5.0"),
        ({"N": True}, "N", "got True"),
        ({"N": "5..2"}, "N", "first <= last"),
        ({"N": "٣..٤"}, "N", '"1..10"'),
        ({"seeds": -1}, "seeds", "a count from 1"),
        ({"seeds": [3, -1]}, "seeds", "got -1"),
        ({"seeds": 10**9}, "seeds", "10000000"),
        ({"seeds": f"0..{2**63 - 1}"}, "seeds", "at most 10,000,000"),
        ({"seeds": 10**5, "N": "1..1000"}, "", "at most 10,000,000 points, got 100,000,000"),
        ({"seeds": 10**6, "outputs": "1..11"}, "", "at most 10,000,000 points, got"),
        ({"weights": "gauss"}, "weights", "known are normal, uniform"),
        ({"seed": 3}, "seed", "(did you mean 'seeds'?); allowed are activation, N, N_i"),
        ({"N_h": 3}, "", "got N and N_h"),
    ],
)
def test_a_wrong_sweep_names_its_key_and_what_it_takes(changes: dict, key: str, told: str) -> None:
    with pytest.raises(StudyError) as caught:
        study_of(**(SWEEP | changes))
    message = str(caught.value)
    assert message.startswith("study: sweeps.one" + (f".{key}: " if key else ": "))
    assert told in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("changes", "start"),
    [
        ({"name": "../up"}, "name: expected a plain name"),
        ({"name": "a/b"}, "name: expected a plain name"),
        ({"name": ".."}, "name: expected a plain name"),
        ({"name": "größe"}, "name: expected a plain name"),
        ({"name": 3}, "name: expected a text, got 3"),
        ({"results": "ftp://bucket/x"}, "results: expected the path"),
        ({"results": "out\0x"}, "results: expected the path"),
        ({"results": ""}, "results: expected the path"),
        ({"results": 3}, "results: expected the path"),
        ({"results": "out/" + 256 * "x"}, "results: expected a path with names of at most 255"),
        ({"results": 128 * "é"}, "results: expected a path with names of at most 255 bytes"),
        ({"results": 21 * (99 * "x" + "/")}, "results: expected a path with names of at most 255"),
        (
            {"results": "s3://key:secret@bucket/x"},
            "results: an address of results has no user or password in it (s3://…@…)",
        ),
        (
            {"results": "s3://bucket/../x"},
            "results: expected an address such as s3://bucket/results/mine",
        ),
        ({"results": "s3://"}, "results: expected an address such as s3://bucket/results/mine"),
        ({"results": "out/{date}"}, "results: expected a path without braces, got 'out/{date}'"),
        ({"results": "$NOT_SET/x"}, "results: '$NOT_SET/x': the environment variable NOT_SET is"),
        ({"results": "a/${NOT_SET}"}, "results: 'a/${NOT_SET}': the environment variable NOT_SET"),
        ({"results": "~no-such-user/x"}, "results: '~no-such-user/x': there is no user 'no-such-"),
        (
            {"sweeps": {"one": SWEEP | {"activation": {"name": "f", "file": "$NOT_SET/f.py"}}}},
            "sweeps.one.activation: '$NOT_SET/f.py': the environment variable NOT_SET",
        ),
        ({"sweeps": {}}, "sweeps: expected at least one entry, got {}"),
        ({"sweeps": {"a/b": SWEEP}}, "sweeps.a/b: expected a plain name"),
        ({"sweeps": {"one": None}}, "sweeps.one: expected a mapping of activation"),
        ({"sweep": {}}, "sweep: unknown key (did you mean 'sweeps'?)"),
        (
            {"figures": {"f": {"kind": "law", "sweeps": "oen"}}},
            "figures.f.sweeps: unknown sweep 'oen' (did you mean 'one'?); this study has one",
        ),
        (
            {
                "figures": {"f": {"kind": "law", "sweeps": ["oen", "one", "two"]}},
                "tables": {"t": {"kind": "ranks", "sweeps": "oone"}},
            },
            "figures.f.sweeps: unknown sweep 'oen' (did you mean 'one'?); figures.f.sweeps: "
            "unknown sweep 'two'; tables.t.sweeps: unknown sweep 'oone' (did you mean 'one'?); ",
        ),
        (
            {"cluster": SLURM | {"partition": "main"}},
            "cluster.partition: unknown key (did you mean 'queue'?)",
        ),
        (
            {"cluster": SLURM | {"time": "1:00"}},
            "cluster.time: unknown key (did you mean 'walltim",
        ),
        ({"figures": {"f": {}}}, "figures.f.kind: missing"),
        ({"cluster": {"kind": "slrum"}}, "cluster.kind: expected one of local, address, file"),
        ({"cluster": {"workers": 2}}, "cluster.kind: expected one of local, address, file"),
        ({"cluster": {"kind": "local", "workers": 0}}, "cluster.workers: "),
        ({"cluster": {"kind": "local", "memory": 4}}, "cluster.memory: expected memory"),
        (
            {"cluster": {"kind": "address", "address": "here"}},
            "cluster.address: expected the address of a Dask scheduler, such as tcp://",
        ),
        ({"cluster": None}, "cluster: expected a mapping, got None"),
        (
            {"cluster": SLURM | {"walltime": 14400}},
            'cluster.walltime: expected a time in quotes, such as "04:00:00"',
        ),
        ({"cluster": SLURM | {"walltime": "4h"}}, "cluster.walltime: expected a time in quotes"),
        ({"cluster": SLURM | {"prologue": "module"}}, "cluster.prologue: expected a list, got"),
        ({"cluster": SLURM | {"jobs": "two"}}, "cluster.jobs: expected a whole number, got 'two'"),
    ],
)
def test_a_wrong_study_names_its_key(changes: dict, start: str) -> None:
    with pytest.raises(StudyError) as caught:
        parse_study({"name": "demo", "sweeps": {"one": SWEEP}} | changes, "f.yaml")
    assert str(caught.value).startswith(f"f.yaml: {start}")
    assert "\n" not in str(caught.value)


def test_every_mistake_of_a_study_is_told_at_once() -> None:
    wrong = {"a": SWEEP | {"N": 0}, "b": SWEEP | {"seeds": -1}}
    with pytest.raises(StudyError, match=r"2 mistakes\n  sweeps\.a\.N: .*\n  sweeps\.b\.seeds: "):
        parse_study({"name": "demo", "sweeps": wrong})
    unknown = {"one": SWEEP | {"sed": 1, "colour": 2}}
    with pytest.raises(StudyError, match=r"one\.sed: unknown key \(did .*\n.*one\.colour: unkn"):
        parse_study({"name": "demo", "sweeps": unknown})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: demo\nname: other\n", "line 2, column 1: the key 'name' is given twice"),
        ("a: &x [1]\nb: *x\n", "line 2, column 4: aliases"),
        ("a: {<<: {b: 1}, b: 2}\n", "line 1, column 5: .*merge"),
        ("a: [1\nb: 2\n", "line 2, column 2"),
        ("a: !!python/object/apply:os.system [ls]\n", "tags are not allowed"),
        ("[" * 5000, "nested more than 20 deep"),
        ("{[1, 2]: 3}\n", "line 1"),
        ("a: 2026-13-45\n", "not valid YAML"),
        ("", "expected a study.* got nothing"),
        ("- 1\n", "expected a study.* got list"),
        ("name: demo\na: \x07\n", "not valid YAML"),
    ],
)
def test_yaml_that_is_not_a_study(tmp_path: Path, text: str, told: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(StudyError, match=told) as caught:
        read_study(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_file_that_can_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"none\.yaml: can not read .* No such file"):
        read_study(tmp_path / "none.yaml")
    with pytest.raises(StudyError, match="expected a study file, got a folder or a device"):
        read_study(tmp_path)
    (tmp_path / "latin").write_bytes(b"name: gr\xf6\xdfe\n")
    with pytest.raises(StudyError, match="expected UTF-8"):
        read_study(tmp_path / "latin")


@pytest.mark.parametrize(
    ("written", "expanded"),
    [
        ("~/x", "/home/ada/x"),
        ("$SCRATCH/x", "/scratch/x"),
        ("${SCRATCH}/a$NUMBER", "/scratch/a7"),
        ("a~b/5$", "a~b/5$"),
        ("~/$TILDE", "/home/ada/~"),
    ],
)
def test_paths_expand_as_in_a_shell(
    written: str, expanded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {"HOME": "/home/ada", "SCRATCH": "/scratch", "NUMBER": "7", "TILDE": "~"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    slurm = SLURM | {"folder": written}
    study = parse_study(
        {"name": "demo", "results": written, "sweeps": {"one": SWEEP}, "cluster": slurm}
    )
    assert study.results == study.cluster.folder == Path(expanded)


def test_a_path_may_be_as_long_as_file_systems_hold() -> None:
    longest = 7 * (255 * "x" + "/") + 215 * "y"
    study = parse_study({"name": "demo", "results": longest, "sweeps": {"one": SWEEP}})
    assert study.results == Path(longest)


def test_an_empty_variable_is_not_a_folder_below_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRATCH", "")
    with pytest.raises(StudyError, match="the environment variable SCRATCH is not set"):
        parse_study({"name": "demo", "results": "$SCRATCH/x", "sweeps": {"one": SWEEP}})


def test_the_file_of_an_activation_is_expanded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own.py").write_text("def cube(x):\n    return x**3\n")
    monkeypatch.setenv("MINE", str(tmp_path))
    study = study_of(**SWEEP | {"activation": {"name": "cube", "file": "$MINE/own.py"}})
    assert study.points()[0].setup.activation.label.startswith("cube@")


@pytest.mark.parametrize(
    ("number", "told"),
    [
        ("010", "leading zeros, which YAML reads in base 8"),
        ("1:4", "colons, which YAML reads in base 60; a range is written 1..4"),
        ("0x10", "a prefix for another base"),
        ("0b11", "a prefix for another base"),
        ("0o17", "a prefix for another base"),
        ("-07", "leading zeros"),
        ("1_0:30", "colons"),
    ],
)
def test_numbers_in_another_base_are_refused(tmp_path: Path, number: str, told: str) -> None:
    path = write(tmp_path, f"name: demo\nsweeps: {{s: {{activation: erf, N: {number}}}}}\n")
    with pytest.raises(StudyError, match=rf"line 2, column 34: {number}: .*{told}"):
        read_study(path)


@pytest.mark.parametrize(
    ("number", "value"),
    [("1e-3", 1e-3), ("1E3", 1000.0), ("+2.5e2", 250.0), (".5e1", 5.0), ("5", 5), ("0.50", 0.5)],
)
def test_numbers_are_read_as_people_write_them(tmp_path: Path, number: str, value: float) -> None:
    text = f"""
      name: demo
      sweeps:
        one: {{activation: {{name: quadratic, epsilon: {number}}}, N: 3, seeds: 1}}
    """
    study = read_study(write(tmp_path, text))
    assert study.points()[0].setup.activation == activation("quadratic", epsilon=value)


@pytest.mark.parametrize("name", ["1e-3", "010", "1:4"])
def test_quoted_numbers_stay_text(tmp_path: Path, name: str) -> None:
    study = f"name: demo\nsweeps: {{s: {{activation: '{name}', N: 3, seeds: 1}}}}\n"
    with pytest.raises(StudyError, match=f"unknown activation '{name}'"):
        read_study(write(tmp_path, study))


def test_a_study_from_a_pipe(tmp_path: Path) -> None:
    """As of the shell's `<(cat study.yaml)`; and one that is longer than a pipe's buffer."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    text = "name: demo\nsweeps: {s: {activation: erf, N: 3, seeds: 1}}\n" + "# long\n" * 20_000
    with ThreadPoolExecutor() as threads:
        threads.submit(path.write_text, text)
        assert read_study(path).name == "demo"


def test_a_pipe_that_nobody_writes_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hessweep.study.document.PIPE_SECONDS", 0.1)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StudyError, match="nothing was written"):
        read_study(tmp_path / "pipe")
    writer = os.open(tmp_path / "pipe", os.O_RDWR)
    with pytest.raises(StudyError, match=r"nothing was written to this pipe in 0\.1 s"):
        read_study(tmp_path / "pipe")
    os.close(writer)


# In some containers one of these is an ordinary file.
DEVICES = [Path(f"/dev/{name}") for name in ("zero", "null", "full", "tty")]


@pytest.mark.parametrize("device", [d for d in DEVICES if d.is_char_device()], ids=str)
def test_a_device_is_no_study(device: Path) -> None:
    with pytest.raises(StudyError, match=f"{device}: expected a study file, got a folder or a de"):
        read_study(device)


def test_a_socket_is_no_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # The path of a socket can be 107 characters long.
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind("socket")
        with pytest.raises(StudyError, match="socket: expected a study file, got a f"):
            read_study("socket")


CONFIG = Path(__file__).parents[1] / "config"


def test_the_schema_in_the_repository_is_that_of_a_study() -> None:
    """If this fails: `hessweep schema > config/study.schema.json`."""
    assert json.loads((CONFIG / "study.schema.json").read_text()) == Study.schema()


@pytest.mark.parametrize("path", sorted(CONFIG.glob("*.yaml")), ids=lambda path: path.stem)
def test_each_study_names_the_schema_and_follows_it(path: Path) -> None:
    first = path.read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=study.schema.json"
    jsonschema.validate(yaml.safe_load(path.read_text()), Study.schema())


@pytest.mark.parametrize(
    ("changes", "valid"),
    [
        ({"cluster": "local"}, True),
        ({"cluster": {"kind": "slurm", "jobs": 2, "memory": "4GB"}}, True),
        ({"cluster": {"kind": "slurm", "memory": "4GB"}}, False),
        ({"figures": {"f": {"kind": "rank-grid", "sweeps": "one"}}}, True),
        ({"sweeps": {"one": SWEEP | {"kind": "density"}}}, True),
        ({"sweeps": {"one": SWEEP | {"spectrum": "density"}}}, True),
        ({"sweeps": {"one": SWEEP | {"kind": "dense"}}}, False),
        ({"sweeps": {"one": SWEEP | {"N": "1..4"}}}, True),
        ({"sweeps": {"one": SWEEP | {"seed": 4}}}, False),
        ({"sweep": {}}, False),
    ],
)
def test_the_json_schema_takes_what_a_study_takes(changes: dict, valid: bool) -> None:
    document = {"name": "demo", "sweeps": {"one": SWEEP}} | changes
    assert Draft202012Validator(Study.schema()).is_valid(document) == valid
    assert (outcome_of(lambda: parse_study(document)) == "a study") == valid


def test_the_json_schema_knows_every_key() -> None:
    schema = json.loads(json.dumps(Study.schema()))
    Draft202012Validator.check_schema(schema)
    assert set(schema["properties"]) == set(Study.model_fields)
    assert schema["required"] == ["name", "sweeps"]
    assert "erf" in json.dumps(schema["$defs"]["Sweep"]["properties"]["activation"])


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["erf", "quadratic", "normal", "1..4", "local", "4GB", "linear"])
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["name", "kind", "epsilon", "N"]) | scalars, inner)
    ),
    max_leaves=6,
)
sweeps = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("activation", "N", "N_i", "N_h", "sizes", "seeds", "x"), values),
)
documents = st.fixed_dictionaries(
    {"name": st.just("demo") | values},
    optional={
        "sweeps": st.dictionaries(st.just("one") | st.text(max_size=3), sweeps, max_size=2),
        **dict.fromkeys(("results", "figures", "tables", "cluster", "other"), values),
    },
)


def outcome_of(read: Callable[[], Study]) -> str:
    try:
        read()
    except StudyError as error:
        return str(error)
    return "a study"


@given(documents)
@settings(max_examples=150, deadline=None)
def test_any_data_is_a_study_or_a_study_error(document: dict) -> None:
    outcome = outcome_of(lambda: parse_study(document))
    assert outcome == "a study" or outcome.startswith("study: ")


@given(documents)
@settings(max_examples=100, deadline=None)
def test_what_yaml_writes_is_read_back(tmp_path_factory, document: dict) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "study.yaml"
    path.write_text(yaml.safe_dump(document))
    outcome = outcome_of(lambda: read_study(path))
    assert outcome == "a study" or outcome.startswith(f"{path}: ")
    in_memory = outcome_of(lambda: parse_study(document, path))
    assert (outcome == "a study") == (in_memory == "a study")


@given(st.text(max_size=60) | st.binary(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_study_or_a_study_error(tmp_path_factory, content: str | bytes) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "study.yaml"
    path.write_bytes(content.encode(errors="replace") if isinstance(content, str) else content)
    with pytest.raises(StudyError):
        read_study(path)


def sweep_of(**sweep: object) -> Sweep:
    return study_of(**sweep).sweeps["one"]


def test_what_a_sweep_names_twice_counts_once():
    once = sweep_of(activation=["erf", "linear"], N=[2, 3], seeds=[4, 1], weights=["normal"])
    twice = sweep_of(
        activation=["erf", "linear", "erf"],
        N=[2, 3, 2],
        seeds=[4, 1, 4],
        weights=["normal", "normal"],
    )
    assert twice.points() == once.points()
    assert len(once.points()) == 8


def test_a_range_may_have_one_number():
    assert list(sweep_of(activation="erf", N="5..5", seeds="7..7").points()) == list(
        sweep_of(activation="erf", N=5, seeds=[7]).points()
    )


@pytest.mark.parametrize("key", ["N", "N_i", "N_h", "outputs"])
@pytest.mark.parametrize("given", [0, [2, 0], "0..3", "1..1000001", 1_000_001, [1_000_001]])
def test_sizes_are_from_one_to_a_million_however_they_are_written(key, given):
    """The ends are allowed; seeds begin with 0."""
    others = {"N": {"N": 2}, "N_i": {"N_h": 2}, "N_h": {"N_i": 2}, "outputs": {"N": 2}}[key]
    usual = {"activation": "erf", "seeds": "0..3", **others}
    for allowed in (1, "1..2", 1_000_000, "1000000..1000000"):
        assert sweep_of(**usual | {key: allowed}).setups()
    with pytest.raises(ValueError, match="expected a whole number from 1 to 1000000"):
        sweep_of(**usual | {key: given})
