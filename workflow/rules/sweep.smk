# One job a sweep: what is missing in the store is found and computed inside the job. The output
# is a receipt, never the store itself: Snakemake deletes the outputs of a job that fails.
from hessweep.store.verification import moved_aside


def grid(wildcards):
    """The whole typed grid: another size, seed or activation is another parameter."""
    return STUDY.sweeps[wildcards.sweep].model_dump(mode="json")


rule sweep:
    output:
        receipt=RESULTS / "receipts" / "{sweep}.json",
    wildcard_constraints:
        sweep="|".join(map(re.escape, STUDY.sweeps)),
    # Dask spreads the points over all cores, so that sweeps go one after the other.
    threads: lambda wildcards: workflow.cores
    params:
        grid=grid,
        cluster=STUDY.cluster.model_dump(mode="json"),
        study=STUDY_FILE,
        results=str(RESULTS),
        # Points are computed anew once either of these has grown.
        kernel_versions=lambda wildcards: sorted(
            {s.kernel_version for s in STUDY.sweeps[wildcards.sweep].setups()}
        ),
        moved_aside=len(moved_aside(RESULTS)),
    script:
        "../scripts/sweep.py"
