# The workflow: sweep -> publish -> tables, figures -> report. Run by `make`, or by
# `snakemake --cores all [--config study=FILE] [TARGET]`.
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

from hessweep.running.after_kill import clear_after_kill
from hessweep.errors import InputError
from hessweep.outputs import check_outputs
from hessweep.study import load_study

min_version("9.0")

STUDY_FILE = config.get("study", "config/paper.yaml")
try:
    STUDY = load_study(STUDY_FILE)
    check_outputs(STUDY, STUDY_FILE)
except InputError as error:
    raise WorkflowError(str(error)) from None
RESULTS = STUDY.results


if workflow.is_main_process and not workflow.output_settings.dryrun:
    clear_after_kill(Path(".snakemake"))


include: "workflow/rules/sweep.smk"
include: "workflow/rules/publish.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        rules.tables.input,
        rules.figures.input,
        rules.report_page.output,
