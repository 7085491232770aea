rule report_page:
    input:
        manifest=RECEIPTS.manifest,
        tables=rules.tables.input,
        figures=rules.figures.input,
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
