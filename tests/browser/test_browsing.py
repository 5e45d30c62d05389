"""The harness itself: it sees what goes wrong on a page."""

from __future__ import annotations

from pathlib import Path

from browser.browsing import PHONE, Browsing, overflow


async def test_a_quiet_page_is_one_request_and_no_error(browsing: Browsing, tmp_path: Path) -> None:
    """Or every test of a page would fail for what the browser does by itself."""
    path = tmp_path / "quiet.html"
    path.write_text("<!doctype html><title>Quiet</title><p>Hello.")

    page = await browsing.open(path.as_uri())

    assert "Quiet" == await page.title()
    assert [path.as_uri()] == browsing.requests


async def test_errors_of_a_page_and_its_requests_are_seen(browsing: Browsing, tmp_path: Path) -> None:
    """The fixture fails a test by these lists, so an empty one must mean that there was nothing."""
    path = tmp_path / "loud.html"
    path.write_text(
        "<!doctype html><title>Loud</title><img src='http://127.0.0.1:9/pixel.png'>"
        "<script>console.error('said'); setTimeout(() => { throw new Error('thrown') })</script>"
    )

    page = await browsing.open(path.as_uri())
    await page.wait_for_timeout(100)

    assert any("said" in error for error in browsing.errors), browsing.errors
    assert any("thrown" in error for error in browsing.errors), browsing.errors
    assert ["http://127.0.0.1:9/pixel.png"] == browsing.unexpected
    browsing.errors.clear()
    browsing.requests.clear()


async def test_what_a_content_security_policy_forbids_is_an_error(browsing: Browsing, tmp_path: Path) -> None:
    """A page that counts on what its own policy forbids is broken, though nothing is raised."""
    path = tmp_path / "forbidden.html"
    path.write_text(
        "<!doctype html><title>Forbidden</title>"
        "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'\"><script>1</script>"
    )

    await browsing.open(path.as_uri())

    assert any("Content Security Policy" in error for error in browsing.errors), browsing.errors
    browsing.errors.clear()


async def test_a_page_that_is_too_wide_is_measured(browsing: Browsing, tmp_path: Path) -> None:
    """Sideways scrolling is what a narrow window shows first."""
    path = tmp_path / "wide.html"
    path.write_text(
        "<!doctype html><title>Wide</title><meta name=viewport content='width=device-width'><body style='margin:0'><div style='width:500px'>x</div>"
    )

    page = await browsing.open(path.as_uri(), width=PHONE)

    assert 500 - PHONE == await overflow(page)
