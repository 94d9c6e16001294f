"""Printable pages."""

from contextvars import Context

from common.web.printable import Pages, policy


def test_a_page_is_the_packages_own_escapes_and_loads_nothing(tmp_path, monkeypatch):
    package = tmp_path / "some_pages"
    (package / "templates").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "templates" / "one.html").write_text(
        '{% extends "printable.html" %}{% block title %}{{ value }}{% endblock %}'
        "{% block main %}{{ twice(2) }}{% endblock %}"
    )
    monkeypatch.syspath_prepend(tmp_path)

    pages = Pages("some_pages", {"twice": lambda n: 2 * n})
    # As a request is answered: nothing is known yet of records that are not as they were logged.
    answer = Context().run(pages.page, "one.html", value="<script>")

    text = answer.body.decode()
    assert "<title>&lt;script&gt;</title>" in text
    assert "<main>\n4</main>" in text
    assert answer.headers["content-security-policy"] == policy()
    assert "default-src 'none'" in policy()
