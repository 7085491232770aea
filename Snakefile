# The workflow: sweep -> publish -> tables, figures -> report. Run it by `make STUDY=FILE`, or by
# `snakemake --workflow-profile workflow/profiles/default --config study=FILE [-- TARGET]`.
# Without a study it runs the paper's.
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

from hessweep.errors import HessweepError
from hessweep.outputs import load_study, study_file_of
from hessweep.running import preloading
from hessweep.running.after_kill import clear_after_kill
from hessweep.running.closing import announce, closing_lines
from hessweep.running.estimate import cores_of_job
from hessweep.running.receipts import Receipts

min_version("9.0")

PYTHON = sys.executable
# Snakemake puts the path of Python into shell commands as it is, with its spaces.
if Path(sys.executable).exists():
    sys.executable = shlex.quote(sys.executable)

try:
    STUDY_FILE = study_file_of(config)
    STUDY = load_study(STUDY_FILE)
    RECEIPTS, OUTDATED = Receipts(STUDY), []
    if workflow.is_main_process and workflow.output_settings.dryrun:
        OUTDATED = RECEIPTS.outdated()
    elif workflow.is_main_process:
        clear_after_kill(Path(".snakemake"))
        RECEIPTS.remove_outdated()
except HessweepError as error:
    raise WorkflowError(str(error)) from None
RESULTS = STUDY.folder
# Modules that sweeps need, and those that only later jobs need.
PRELOADED = [
    "distributed",
    "hessweep.cli.progress",
    "hessweep.outputs",
    "hessweep.running.driver",
    "hessweep.running.receipts",
]
PRELOADED_LATER = [
    "zarr",
    "dask.array",
    "hessweep.analysis",
    "matplotlib.pyplot",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_pdf",
    "hessweep.figures.style",
    "scipy.optimize",
    "scipy.stats",
    "hessweep.claims",
    "hessweep.report",
]
announce(STUDY)


include: "workflow/rules/sweep.smk"
include: "workflow/rules/publish.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        rules.publish.input,
        rules.publish.output,
        rules.tables.input,
        rules.figures.input,
        rules.report_page.output,
        rules.complete.output,


# On this machine and with this Python, jobs start in a process that has its imports done.
onstart:
    if workflow.local_exec and not workflow.deployment_settings.deployment_method:
        preloading.start(PYTHON, PRELOADED, PRELOADED_LATER)


onsuccess:
    print(closing_lines(STUDY), file=sys.stderr)


onerror:
    print(closing_lines(STUDY, failed=True), file=sys.stderr)
