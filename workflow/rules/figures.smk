rule figure:
    input:
        manifest=RESULTS / "published.json",
    output:
        png=report(
            RESULTS / "figures" / "{figure}.png",
            category="Figures",
            labels={"figure": "{figure}"},
            caption="../report/figure.rst",
        ),
        pdf=RESULTS / "figures" / "{figure}.pdf",
        csv=RESULTS / "figures" / "{figure}.csv",
        caption=RESULTS / "figures" / "{figure}.txt",
        receipt=RESULTS / "receipts" / "figures" / "{figure}.json",
    log:
        RECEIPTS.log("figures", "{figure}"),
    wildcard_constraints:
        figure="|".join(map(re.escape, STUDY.figures)) or "none",
    conda:
        "../envs/hessweep.yaml"
    params:
        request=lambda wildcards: STUDY.figures[wildcards.figure].model_dump(
            mode="json"
        ),
        study=STUDY_FILE,
        outdated=lambda wildcards: RECEIPTS.output("figures", wildcards.figure)
        in OUTDATED,
    message:
        "Figure {wildcards.figure}"
    script:
        "../scripts/figure.py"


rule figures:
    input:
        expand(
            RESULTS / "figures" / "{figure}.{ext}",
            figure=STUDY.figures,
            ext=["png", "pdf", "csv", "txt"],
        ),
        [RECEIPTS.output("figures", figure) for figure in STUDY.figures],
