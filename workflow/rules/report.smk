rule report_page:
    input:
        manifest=RESULTS / "published.json",
        tables=rules.tables.input,
        figures=rules.figures.input,
    output:
        html=RESULTS / "report.html",
    params:
        study=STUDY_FILE,
    script:
        "../scripts/report.py"
