# Segments into the store that is queried. The manifest changes when what is published does.


rule publish:
    input:
        expand(RESULTS / "receipts" / "{sweep}.json", sweep=STUDY.sweeps),
    output:
        manifest=RESULTS / "published.json",
    params:
        results=str(RESULTS),
    script:
        "../scripts/publish.py"
