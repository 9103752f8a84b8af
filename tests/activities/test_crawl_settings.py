"""What crawl settings do to crawls and discoveries, through the whole system."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import pytest

from core.jobs.contract import CrawlPageResult
from core.jobs.states import JobState
from store.secretkey import KEY_FILE
from temporal.jobs.view import JobDetail
from tests.activities.conftest import USER_AGENT
from tests.site import FakeSite
from tests.system import System

PAGE = "<title>Shop</title><p>Welcome.</p><p id=price>Pro costs $99.</p><p class=promo>Buy!</p>"
TAGGED = {"ETag": '"1"'}


@dataclass(frozen=True)
class Shop:
    """A page that a running system watches."""

    system: System
    site: FakeSite
    domain_id: UUID
    page_id: UUID

    async def choose(self, **chosen: object) -> None:
        """Set crawl settings of the page."""
        await self.system.choose(f"/api/pages/{self.page_id}", **chosen)

    async def choose_for_domain(self, **chosen: object) -> None:
        """Set crawl settings of the domain."""
        await self.system.choose(f"/api/domains/{self.domain_id}", **chosen)

    async def crawl(self) -> JobDetail:
        """The job of one crawl, tried once."""
        path = f"/api/pages/{self.page_id}/crawl"
        return await self.system.finished(await self.system.ask(path, maxAttempts=1))

    async def check(self) -> CrawlPageResult:
        """What one crawl found."""
        job = await self.crawl()
        assert job.state is JobState.COMPLETED, job.failed_reason
        return CrawlPageResult.model_validate(job.return_value)

    async def text(self, found: CrawlPageResult) -> str:
        """The text of the snapshot that a crawl stored."""
        answer = await self.system.api.get(f"/api/snapshots/{found.snapshot_id}")
        text: str = answer.json()["data"]["text"]
        return text


@pytest.fixture
async def shop(system: System, site: FakeSite) -> AsyncIterator[Shop]:
    """The front page of the site, crawled once."""
    site.page("/", PAGE, headers=TAGGED)
    domain_id, pages = await system.known_pages(site.origin, "/")
    async with system.worker():
        shop = Shop(system, site, domain_id, pages["/"])
        assert (await shop.check()).baseline
        yield shop


async def test_headers_cookies_and_user_agent_are_sent_to_the_page_and_not_to_robots_txt(
    shop: Shop,
) -> None:
    await shop.choose_for_domain(headers={"X-Token": "of the domain"}, userAgent="Shopper/1.0")
    await shop.choose(headers={"X-Other": "of the page"}, cookies={"a": "1", "b": "2"})
    await shop.check()
    [*_, sent] = shop.site.requests_for("/")
    assert sent.headers["x-other"] == "of the page"
    assert "x-token" not in sent.headers
    assert sent.headers["cookie"] == "a=1; b=2"
    assert sent.headers["user-agent"] == "Shopper/1.0"
    job_id = await shop.system.ask(f"/api/domains/{shop.domain_id}/discover")
    assert (await shop.system.finished(job_id)).state is JobState.COMPLETED
    [*_, visited] = shop.site.requests_for("/")
    [*_, sitemap] = shop.site.requests_for("/sitemap.xml")
    for asked in (visited, sitemap):
        assert asked.headers["x-token"] == "of the domain"
        assert asked.headers["user-agent"] == "Shopper/1.0"
        assert "cookie" not in asked.headers
    for robots in shop.site.requests_for("/robots.txt"):
        assert "x-token" not in robots.headers
        assert robots.headers["user-agent"] == USER_AGENT


async def test_secrets_do_not_follow_a_redirect_to_another_origin(shop: Shop) -> None:
    async with FakeSite() as other:
        other.page("/", PAGE)
        elsewhere = other.url("/").replace("127.0.0.1", "localhost")
        shop.site.page("/", "", status=302, headers={"Location": elsewhere})
        await shop.choose(headers={"X-Token": "hunter2"}, cookies={"c": "hunter3"})
        job = await shop.crawl()
        assert job.state is JobState.FAILED
        assert [each for each in other.requests if "hunter" in str(each.headers)] == []
    shop.site.page("/", "", status=302, headers={"Location": "/there"})
    shop.site.page("/there", PAGE)
    await shop.check()
    assert shop.site.requests_for("/there")[-1].headers["x-token"] == "hunter2"


async def test_new_settings_begin_a_new_baseline_that_no_304_stands_in_for(shop: Shop) -> None:
    await shop.choose(ignoreSelectors=[".promo"])
    found = await shop.check()
    assert (found.changed, found.baseline, found.status_code) == (False, True, 200)
    assert await shop.text(found) == "Welcome.\nPro costs $99."
    again = await shop.check()
    assert (again.changed, again.baseline, again.status_code) == (False, False, 304)
    shop.site.page("/", PAGE.replace("Buy!", "Hurry!"))
    assert (await shop.check()).changed is False
    shop.site.page("/", PAGE.replace("$99", "$119"))
    assert (await shop.check()).changed is True
    await shop.choose(ignoreSelectors=None)
    back = await shop.check()
    assert (back.changed, back.baseline) == (False, True)
    changes = await shop.system.api.get(f"/api/changes?pageId={shop.page_id}")
    assert changes.json()["meta"]["total"] == 1


async def test_only_the_watched_part_counts_not_the_title_nor_the_rest(shop: Shop) -> None:
    await shop.choose(watchSelector="#price")
    found = await shop.check()
    assert await shop.text(found) == "Pro costs $99."
    shop.site.page("/", PAGE.replace("Welcome", "Hello").replace("Shop", "New shop"))
    assert (await shop.check()).changed is False
    shop.site.page("/", PAGE.replace("Shop", "Shop 2").replace("$99", "$119"))
    assert (await shop.check()).changed is True


async def test_a_watched_part_that_is_missing_fails_the_job_by_name(shop: Shop) -> None:
    await shop.choose(watchSelector="#gone")
    job = await shop.crawl()
    assert (job.state, job.attempts_made) == (JobState.FAILED, 1)
    assert job.failed_reason == "The page shows no text where its watchSelector points: #gone"


async def test_a_part_of_json_is_watched_by_its_path(shop: Shop) -> None:
    def plans(usd: int, at: int) -> str:
        return f'{{"at": {at}, "plans": [{{"usd": {usd}}}], "jobs": [], "clock": "10:{at}"}}'

    kind = {"Content-Type": "application/json"}
    await shop.choose(watchJsonPath="$['plans', 'jobs']")
    shop.site.page("/", plans(19, 10), headers=kind)
    assert await shop.text(await shop.check()) == "plans[].usd: 19\njobs: []"
    shop.site.page("/", plans(19, 11), headers=kind)
    assert (await shop.check()).changed is False
    shop.site.page("/", plans(29, 12), headers=kind)
    assert (await shop.check()).changed is True
    await shop.choose(watchJsonPath="$.clock")
    assert (await shop.check()).baseline
    shop.site.page("/", plans(29, 13), headers=kind)
    assert (await shop.check()).changed is True, "what is chosen is compared without masks"
    for body, media_type, says in (
        ("{}", kind, "The document has nothing where its watchJsonPath points: $.clock"),
        (PAGE, None, "The document is no JSON, in which its watchJsonPath points: $.clock"),
    ):
        shop.site.page("/", body, headers=media_type or {})
        job = await shop.crawl()
        assert (job.state, job.failed_reason) == (JobState.FAILED, says)


@pytest.mark.parametrize(
    ("media_type", "before", "after"),
    [
        ("application/octet-stream", '{"usd": %d}', "$.usd"),
        ("text/html", '{"usd": %d}', "$.usd"),
        ("application/x-ndjson", '{"usd": %d}\n{"usd": 5}\n', "$[*].usd"),
        ("image/png", '{"usd": %d}', "$.usd"),
    ],
)
async def test_a_part_of_json_is_watched_whatever_the_media_type(
    shop: Shop, media_type: str, before: str, after: str
) -> None:
    await shop.choose(watchJsonPath=after)
    for usd, changed in ((19, False), (29, True)):
        shop.site.page("/", before % usd, headers={"Content-Type": media_type})
        assert (await shop.check()).changed is changed


async def test_a_person_says_what_a_document_is(shop: Shop) -> None:
    for kind, body, text in (
        ("csv", "plan,usd\nPro,19", "plan | usd\nPro | 19"),
        ("json", '{"usd": 19}', "usd: 19"),
        ("text", "<usd>19</usd>", "<usd>19</usd>"),
        ("xml", "<usd>19</usd>", "usd: 19"),
        ("html", "<p>19 <i>dollars", "19 dollars"),
    ):
        await shop.choose(documentKind=kind)
        for media_type in ("text/plain", "image/png", "application/octet-stream"):
            shop.site.page("/", body, headers={"Content-Type": media_type})
            found = await shop.check()
            assert found.changed is False
            if found.snapshot_id is not None:
                assert await shop.text(found) == text
    await shop.choose(documentKind="text")
    shop.site.page("/", "One line", headers={"Content-Type": "text/plain"})
    assert (await shop.check()).baseline
    shop.site.page("/", "", headers={"Content-Type": "text/plain"})
    assert (await shop.check()).changed is True, "a list that empties"


@pytest.mark.parametrize("chosen", [{"documentKind": "csv"}, {"watchJsonPath": "$.usd"}])
async def test_a_wall_is_no_version_of_any_document(shop: Shop, chosen: dict[str, object]) -> None:
    await shop.choose(**chosen)
    shop.site.page("/", '{"usd": 19}', headers={"Content-Type": "text/plain"})
    await shop.check()
    shop.site.page(
        "/",
        "<title>Robot check</title><p>Please prove that you are not a robot.</p>"
        "<form action='/captcha'><input name=captcha><button>Continue</button></form>",
    )
    job = await shop.crawl()
    assert job.state is JobState.FAILED
    assert (job.failed_reason or "").startswith("The site asks for a proof of a human")


@pytest.mark.sqlite  # elsewhere the key is a setting, not a file
async def test_a_lost_key_fails_the_job_by_name_and_loses_nothing(shop: Shop) -> None:
    await shop.choose(headers={"X-Token": "hunter2"})
    path = shop.system.settings.data_dir / KEY_FILE
    path.rename(path.with_suffix(".away"))
    asked = len(shop.site.requests_for("/"))
    job = await shop.crawl()
    assert (job.state, job.attempts_made) == (JobState.FAILED, 1)
    assert job.failed_reason is not None
    assert "secret.key is missing. Put it back, or give them anew." in job.failed_reason
    assert len(shop.site.requests_for("/")) == asked, "the site was not asked without them"
    path.write_text("wrong" * 8)
    job = await shop.crawl()
    assert job.failed_reason is not None
    assert "were stored under another DIFFY_SECRET_KEY" in job.failed_reason
    path.with_suffix(".away").rename(path)
    await shop.check()
    assert shop.site.requests_for("/")[-1].headers["x-token"] == "hunter2"


async def test_temporal_is_told_no_secret(shop: Shop) -> None:
    await shop.choose(headers={"X-Token": "hunter2"}, cookies={"c": "hunter2"})
    job_id = await shop.system.ask(f"/api/pages/{shop.page_id}/crawl")
    await shop.system.finished(job_id)
    history = await shop.system.client.get_workflow_handle(job_id).fetch_history()
    assert "hunter2" not in history.to_json()
    assert "X-Token" not in history.to_json()


APP = '<title>App</title><div id="root"></div><script src="/app.js"></script>'


def serve_app(site: FakeSite, price: str) -> None:
    """The front page as an application whose script shows `price`."""
    script = f"document.getElementById('root').innerHTML = '<p>Pro costs {price}.</p>'"
    site.page("/app.js", script, headers={"Content-Type": "text/javascript"})
    site.page("/", APP, headers={"ETag": '"2"'})


@pytest.mark.usefixtures("chromium")
async def test_an_empty_shell_is_rendered_by_itself_each_time(shop: Shop) -> None:
    serve_app(shop.site, "$99")
    assert (await shop.check()).changed
    again = await shop.check()
    assert (again.changed, again.status_code) == (False, 200), "its ETag tells nothing"
    serve_app(shop.site, "$119")
    found = await shop.check()
    assert found.changed
    assert await shop.text(found) == "Pro costs $119."
    assert {request.target for request in shop.site.requests} == {"/", "/app.js", "/robots.txt"}


@pytest.mark.usefixtures("chromium")
async def test_render_never_and_always_do_so(shop: Shop) -> None:
    serve_app(shop.site, "$99")
    await shop.choose(render="never")
    job = await shop.crawl()
    assert job.failed_reason == "The page shows no text."
    assert shop.site.requests_for("/app.js") == []
    shop.site.page("/", f"{PAGE}<div id=root></div><script src=/app.js></script>")
    await shop.choose(render="always")
    found = await shop.check()
    assert found.baseline
    assert "Pro costs $99.\nBuy!\nPro costs $99." in await shop.text(found)
