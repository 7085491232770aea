# One job a sweep: what is missing in the store is found and computed inside the job. The output
# is a receipt, never the store itself: Snakemake deletes the outputs of a job that fails.
rule sweep:
    output:
        receipt=RECEIPTS.root / "receipts" / "{sweep}.json",
    log:
        RECEIPTS.log("sweeps", "{sweep}"),
    wildcard_constraints:
        sweep="|".join(map(re.escape, STUDY.sweeps)),
    conda:
        "../envs/hessweep.yaml"
    # Dask spreads the points over all cores, so that sweeps go one after the other. Those that take
    # no longer than workers take to start go side by side.
    threads: lambda wildcards: cores_of_job(STUDY, wildcards.sweep, workflow.cores)
    params:
        # The whole typed grid: another size, seed or activation is another parameter.
        grid=lambda wildcards: STUDY.sweeps[wildcards.sweep].model_dump(mode="json"),
        cluster=STUDY.cluster.model_dump(mode="json"),
        study=STUDY_FILE,
        outdated=lambda wildcards: RECEIPTS.sweep(wildcards.sweep) in OUTDATED,
    message:
        "Sweep {wildcards.sweep}"
    script:
        "../scripts/sweep.py"
