"""The same request has the same fingerprint."""

from atlas_actors.clients.fingerprint import fingerprint


def test_case_and_spaces_do_not_make_another_request():
    assert fingerprint("Mend  the\nTEST ") == fingerprint("mend the test")
    assert fingerprint("ﬁx it") == fingerprint("fix it")
    assert fingerprint("mend the tests") != fingerprint("mend the test")


def test_nothing_asked_has_none_and_broken_text_has_one():
    assert fingerprint(" \n") == ""
    assert len(fingerprint("\ud800")) == 32
