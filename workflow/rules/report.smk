# The longest job beside the figures, and so the first of them.
rule explorer:
    input:
        manifest=RECEIPTS.manifest,
    output:
        summed=temp(RESULTS / "receipts" / "report" / "explorer.json"),
    log:
        RECEIPTS.log("explorer"),
    priority: 1
    conda:
        "../envs/hessweep.yaml"
    params:
        study=STUDY_FILE,
    message:
        "Sum up the spectra for the report"
    script:
        "../scripts/explorer.py"


rule report_page:
    input:
        manifest=RECEIPTS.manifest,
        tables=rules.tables.input,
        figures=rules.figures.input,
        explored=rules.explorer.output.summed,
    output:
        html=report(
            RESULTS / "report.html",
            category="Report page",
            labels={"page": "report"},
            caption="../report/page.rst",
        ),
        receipt=RECEIPTS.report,
    log:
        RECEIPTS.log("report"),
    conda:
        "../envs/hessweep.yaml"
    params:
        study=STUDY_FILE,
        outdated=RECEIPTS.report in OUTDATED,
    message:
        "Report page"
    script:
        "../scripts/report.py"


# Last, so that all that can be shown is there when points or figures have failed.
rule complete:
    input:
        [RECEIPTS.sweep(sweep) for sweep in STUDY.sweeps],
        rules.report_page.output,
    output:
        RESULTS / "complete.json",
    log:
        RECEIPTS.log("complete"),
    conda:
        "../envs/hessweep.yaml"
    params:
        study=STUDY_FILE,
    message:
        "Check that nothing has failed"
    script:
        "../scripts/complete.py"
