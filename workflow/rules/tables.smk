rule table:
    input:
        manifest=RESULTS / "published.json",
    output:
        csv=RESULTS / "tables" / "{table}.csv",
        markdown=RESULTS / "tables" / "{table}.md",
    log:
        RESULTS / "logs" / "table-{table}.log",
    wildcard_constraints:
        table="|".join(map(re.escape, STUDY.tables)) or "none",
    params:
        results=str(RESULTS),
    script:
        "../scripts/table.py"


rule tables:
    input:
        expand(
            RESULTS / "tables" / "{table}.{ext}", table=STUDY.tables, ext=["csv", "md"]
        ),
