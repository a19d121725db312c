"""From results on disk to tables, plots and one self-contained HTML page; never runs a model.

`tokenbench.reporting.report.write_report` does everything; the modules beside it each do one step.
"""
