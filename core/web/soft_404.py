"""Detection of soft 404s: error pages with a success status."""

import re
import unicodedata
from typing import Final


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.strip().lower().replace("’", "'"))
    plain = "".join(each for each in decomposed if not unicodedata.combining(each))
    return unicodedata.normalize("NFC", plain)


_ERROR: Final = "(?:error|fehler|erreur|http)"
_PHRASES: Final = (
    "page not found|not found|page does not exist|page doesn't exist|nothing found|"
    "seite nicht gefunden|seite wurde nicht gefunden|seite existiert nicht|"
    "page non trouvée|page introuvable|página no encontrada|pagina non trovata|"
    "página não encontrada|pagina niet gevonden|nie znaleziono strony|strona nie istnieje|"
    "stránka nenalezena|sidan hittades inte|siden blev ikke fundet|sivua ei löytynyt|"
    "sayfa bulunamadı|страница не найдена|страница не существует|ページが見つかりません|页面不存在|"
    "页面未找到|페이지를 찾을 수 없습니다"
)
_SAYS_SO: Final = re.compile(
    rf"(?:{_ERROR}\W+)?404(?:\W+{_ERROR})?\W*"
    rf"|(?:{_ERROR}\W+)?(?:404\W+)?(?:(?:the|this|die|diese|la|cette|esta)\s+)?"
    rf"(?:{_folded(_PHRASES)})(?:\W+404)?\W*"
)
_PARTS: Final = re.compile(r"\s[|·•–—:-]\s|[|]")
_IN_ADDRESS: Final = re.compile(r"404|not-?_?found|nicht-gefunden|introuvable|no-encontrada", re.I)


def says_it_is_gone(url: str, title: str | None) -> bool:
    """Whether the title of a page, or one part of it, is a "not found" message and nothing else.

    False if the URL contains `404` or `not-found`: the page is about errors, or is the error page
    itself.
    """
    if not title or _IN_ADDRESS.search(url):
        return False
    return any(_SAYS_SO.fullmatch(_folded(part)) for part in _PARTS.split(title))
