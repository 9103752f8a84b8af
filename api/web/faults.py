"""Error answers as pages, for whom they are shown in a browser."""

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from api.deps import PROTECTED
from api.errors import answer_fault, error_of_fault, log_fault, retry_after
from api.web.rendering import page
from api.web.session import SignInNeeded, is_cross_site_visit, referring_path
from core.errors import NotFound, RateLimited, Unavailable


async def answer_any_fault(request: Request, fault: Exception) -> Response:
    """The answer to `fault`: a page for a browser outside of the REST API, or else JSON."""
    if isinstance(fault, SignInNeeded):
        if is_cross_site_visit(request):
            # The next request comes from our own page, so that it has the cookie.
            return page(request, "continue.html", title="Diffy")
        return RedirectResponse(fault.location, fault.http_status)
    for_browser = "text/html" in request.headers.get("accept", "")
    if not for_browser or request.url.path.startswith(PROTECTED):
        return await answer_fault(request, fault)
    error = error_of_fault(request, fault)
    if error is None:
        log_fault(request, fault)
    answer = page(
        request,
        "error.html",
        title="Not found" if isinstance(error, NotFound) else "That did not work",
        status=error.http_status if error else 500,
        sentence=error.message if error else "Diffy failed to answer; its log tells why.",
        back=referring_path(request),
    )
    if isinstance(error, Unavailable | RateLimited):
        answer.headers["Retry-After"] = str(retry_after(error))
    return answer
