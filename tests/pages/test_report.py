"""The Report page: what is typed there, and which study it is about."""

from tests.support.app import open_page
from tests.support.synthetic_study import write_study


def test_title_and_notes_stay_with_their_study_and_the_unit_goes_along(cache):
    for slug, digest in (("one", "1" * 64), ("two", "2" * 64)):
        write_study(cache, slug=slug, digest=digest)
    at = open_page("report", study="one")
    at.text_input[0].set_value("Mix for one").run()
    at.text_area[0].set_value("Notes about one").run()
    at.query_params["unit"] = "tokens"
    at.run()
    at.selectbox(key="pick-study").set_value("two").run()
    assert not at.exception
    assert (at.text_input[0].value, at.text_area[0].value) == ("", "")
    assert at.query_params["unit"] == "tokens"
    at.selectbox(key="pick-study").set_value("one").run()
    assert (at.text_input[0].value, at.text_area[0].value) == ("Mix for one", "Notes about one")
