"""The page in the docs is what the command makes of the runs' own files, and these say that everything held."""

from chaos.report import describe_all, read_reports

from tests.docs.pages import ROOT

RESULTS = sorted((ROOT / "chaos" / "results").glob("seed-*.json"))


def test_the_page_is_made_of_the_runs() -> None:
    page = (ROOT / "docs" / "chaos.md").read_text(encoding="utf-8")
    assert page == describe_all(read_reports(RESULTS))


def test_three_full_runs_hold() -> None:
    reports = read_reports(RESULTS)
    assert [report.seed for report in reports] == [1, 2, 3]
    for report in reports:
        assert (report.districts, report.spoil, report.left_out) == (25, "none", ())
        assert report.seconds >= 300
        assert report.holds
