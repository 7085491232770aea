rule report_page:
    input:
        manifest=RESULTS / "published.json",
        tables=rules.tables.input,
        figures=rules.figures.input,
    output:
        html=report(
            RESULTS / "report.html",
            category="Report page",
            labels={"page": "report"},
            caption="../report/page.rst",
        ),
    params:
        study=STUDY_FILE,
    script:
        "../scripts/report.py"
