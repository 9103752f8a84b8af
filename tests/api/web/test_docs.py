"""The page that shows the REST API, without the internet."""

import httpx2

from api.web.routes.docs import SWAGGER_FILES
from tests.api.web.conftest import Visitor, WebSystem


async def test_an_operation_can_be_read_and_tried_without_another_host(
    web: WebSystem, visitor: Visitor
) -> None:
    page = visitor.page
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url))
    await page.goto("/docs")
    await page.get_by_role("heading", name="Diffy Jobs").wait_for()
    await page.get_by_role("button", name="Authorize").click()
    await page.get_by_label("Value").fill(web.key.key)
    await page.get_by_role("button", name="Apply credentials").click()
    await page.get_by_role("button", name="Close", exact=True).click()
    operation = page.locator("#operations-domains-domains_list_all")
    await operation.get_by_role("button").first.click()
    await operation.get_by_text("is in the name or").wait_for()
    await operation.get_by_role("button", name="Try it out").click()
    await operation.get_by_role("button", name="Execute").click()
    await operation.locator(".live-responses-table .response", has_text="200").wait_for()
    assert {url.startswith(f"{web.at.origin}/") for url in asked if url[:5] != "data:"} == {True}
    assert visitor.complaints == [], "the policy of the page blocks nothing that it uses"


async def test_the_page_is_for_everybody_and_its_policy_lets_no_script_in(
    plain: httpx2.AsyncClient,
) -> None:
    answer = await plain.get("/docs")
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "style-src 'self';" in policy
    assert "unsafe" not in policy
    for name in SWAGGER_FILES:
        [address] = [part for part in answer.text.split('"') if part.startswith(f"/docs/{name}")]
        asset = await plain.get(address)
        assert "immutable" in asset.headers["Cache-Control"]
        assert asset.headers["Content-Type"].startswith(SWAGGER_FILES[name])
    for bad in ("/docs/main.py", "/docs/..%2fmain.py", "/docs/"):
        assert (await plain.get(bad)).status_code == 404
