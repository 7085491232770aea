rule table:
    input:
        manifest=RESULTS / "published.json",
    output:
        csv=report(
            RESULTS / "tables" / "{table}.csv",
            category="Tables",
            labels={"table": "{table}"},
            caption="../report/table.rst",
        ),
        markdown=RESULTS / "tables" / "{table}.md",
        receipt=RESULTS / "receipts" / "tables" / "{table}.json",
    log:
        RECEIPTS.log("tables", "{table}"),
    wildcard_constraints:
        table="|".join(map(re.escape, STUDY.tables)) or "none",
    # The table of claims takes longer than most figures.
    priority: 1
    conda:
        "../envs/hessweep.yaml"
    params:
        request=lambda wildcards: STUDY.tables[wildcards.table].model_dump(mode="json"),
        study=STUDY_FILE,
        outdated=lambda wildcards: RECEIPTS.output("tables", wildcards.table)
        in OUTDATED,
    message:
        "Table {wildcards.table}"
    script:
        "../scripts/table.py"


rule tables:
    input:
        expand(
            RESULTS / "tables" / "{table}.{ext}", table=STUDY.tables, ext=["csv", "md"]
        ),
        [RECEIPTS.output("tables", table) for table in STUDY.tables],
