"""Nothing that stands in a record can become markup or program."""

from __future__ import annotations

import json

import pytest

from nasbench_harness.report.page.markup import Html, element, join, script_json

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&\u2028"


def test_children_and_attributes_are_escaped_and_markup_is_kept() -> None:
    found = element("td", "<b>", element("i", 1.5), None, ["a", "&"], class_="x", data_v='"><', hidden=True, id=None)
    assert found == '<td class="x" data-v="&quot;&gt;&lt;" hidden>&lt;b&gt;<i>1.5</i>a&amp;</td>'
    assert element("svg", viewbox="0 0 1 1", aria_hidden="true") == '<svg viewBox="0 0 1 1" aria-hidden="true"></svg>'
    assert element("circle", r=2) == '<circle r="2"/>'
    assert element("input", type="search", checked=False) == '<input type="search">'
    assert join([Html("<b>"), "<b>"]) == "<b>&lt;b&gt;"


def test_what_is_neither_text_nor_number_is_refused() -> None:
    with pytest.raises(TypeError, match="no child of an element: object"):
        element("p", object())


def test_json_in_a_script_cannot_end_it_and_reads_back() -> None:
    text = script_json({HOSTILE: [HOSTILE, 1.5, None]})
    assert not set(text) & set("<>&\u2028")
    assert json.loads(text) == {HOSTILE: [HOSTILE, 1.5, None]}
    with pytest.raises(ValueError, match="Out of range"):
        script_json(float("nan"))
