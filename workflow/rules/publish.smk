# Segments into the store that is queried. The manifest changes when what is published does.
rule publish:
    input:
        [RECEIPTS.sweep(sweep) for sweep in STUDY.sweeps],
    output:
        manifest=RECEIPTS.manifest,
    log:
        RECEIPTS.log("publish"),
    conda:
        "../envs/hessweep.yaml"
    params:
        results=lambda wildcards: str(STUDY.results),
        outdated=RECEIPTS.manifest in OUTDATED,
    message:
        "Publish the results for queries"
    script:
        "../scripts/publish.py"
