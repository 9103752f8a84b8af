"""Recognition of walls: pages that a site shows, with a success status, instead of the page.

A wall asks for a proof of a human, a consent or a login, or says that the site is closed. It has
little text, few links, and says so in its title, in a heading or beside a challenge. A page *about*
these things has text and links of its own, and its title says more than the wall's phrase. A page
whose address says that it is one of them, such as `/login`, is what was asked for.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import islice
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from core.changes.money import find_money

MAX_HTML: Final = 500_000
"""Number of characters of a page that may be a wall."""

MAX_WORDS: Final = 220
"""Number of words of a bot check or a login; a CJK character counts half."""

MAX_WORDS_OF_NOTICE: Final = 120
"""Number of words of a page that says only that the site is closed, or closed to us."""

MAX_WORDS_OF_CONSENT: Final = 400
"""More than any other wall has: a page with more words is none."""

MAX_LINKS: Final = 12
MAX_LINKS_OF_NOTICE: Final = 6
MAX_BARE_WORDS: Final = 40
"""Number of words of a wall whose heading alone tells that it is one."""

LONG_DENIAL: Final = 4
"""Number of words of a denial that no other page has as its title."""

MAX_WORDS_OF_DENIAL: Final = 7
"""Number of words of a denial that says nothing else."""

MAX_FIELDS: Final = 1
"""Number of text fields of a bot check: other forms with a captcha have fields of their own."""

MAX_WORDS_OUTSIDE: Final = 25
"""Number of words outside of the part of a page that asks for consent: its header and footer."""

MAX_WORDS_OF_NAME: Final = 6
"""Number of words beside a consent that say no more than whose site it is."""

MAX_WORDS_OF_SCRIPT: Final = 10
"""Number of words of a challenge that only a script shows."""

LONG_PARAGRAPH: Final = 25
LONG_PARAGRAPHS: Final = 2
"""Number of paragraphs, and of words in each, of an article: walls are terse."""

START: Final = 200
"""Number of characters at the start of the text in which a wall says what it is."""

FIELDS_OF_OTHER_FORMS: Final = "textarea, select, input[type='email' i], input[type='tel' i]"

FIELDS_OF_LOGINS: Final = (
    "input[type='email' i], input[type='tel' i], input[name*='user' i], input[name*='mail' i],"
    " input[name*='login' i], input[autocomplete*='username' i]"
)

MAX_ELEMENTS: Final = 3_000
"""Number of tags of a page that may be a wall: nested elements take quadratic time."""


class WallKind(StrEnum):
    """What a wall asks for."""

    BOT_CHECK = "bot_check"
    ACCESS_DENIED = "access_denied"
    CONSENT = "consent"
    LOGIN = "login"
    MAINTENANCE = "maintenance"


@dataclass(frozen=True)
class Wall:
    """A page that hides another one; `said` is the phrase that tells."""

    kind: WallKind
    said: str


class _Accents(dict[int, int | None]):
    """A table for `str.translate` that removes combining characters."""

    def __missing__(self, code: int) -> int | None:
        self[code] = None if unicodedata.combining(chr(code)) else code
        return self[code]


_WITHOUT_ACCENTS: Final = _Accents()


def _folded(text: str) -> str:
    """Lower case, without accents and with plain apostrophes and single spaces."""
    if text.isascii():
        return " ".join(text.lower().split())
    decomposed = unicodedata.normalize("NFKD", text.lower().replace("’", "'").replace("ı", "i"))
    plain = decomposed.translate(_WITHOUT_ACCENTS)
    return " ".join(unicodedata.normalize("NFC", plain).split())


def _pattern(phrases: str) -> re.Pattern[str]:
    """One pattern for the phrases, regular expressions of which each line has some.

    A line that begins with a plus sign continues the one before.
    """
    lines = (line.removeprefix("    ") for line in phrases.strip("\n").splitlines())
    joined = "\n".join(lines).replace("\n+", "").strip()
    return re.compile("|".join(_folded(line) for line in joined.splitlines()))


_BOT_CHECK: Final = _pattern(
    r"""
    (?:let's |please )?(?:verify|verifying|confirm|prove|make sure|ensure|check(?:ing)?)
    +(?: that| if)? (?:you(?:'re| are)|you) (?:a |not a |not an? |an? )?(?:automated )?(?:human
    +|robot|bot|real person)
    are you (?:a |an )?(?:human|robot|bot)
    i(?:'m| am) not a robot|you(?:'re| are) not a (?:robot|bot)|you(?:'re| are) (?:a )?human
    human verification|robot check|bot check|captcha verification
    security (?:check|verification)
    (?:checking|verifying) your (?:browser|connection)|checking if the site connection is secure
    unusual (?:traffic|activity)|suspicious (?:traffic|activity)
    automated (?:requests|queries|access|traffic)
    (?:enter|type) the (?:characters|text|letters|code|numbers)(?: that)? (?:you see
    +|below|shown|in the)
    (?:complete|solve|finish) (?:the|this|a) (?:captcha|security check|challenge|puzzle)
    just a moment|one more step|attention required|pardon (?:our|the) interruption
    press (?:and|&) hold
    (?:please )?enable (?:javascript and )?cookies (?:and reload|to continue)
    (?:sind sie|bist du) (?:ein mensch|ein roboter|kein roboter)
    (?:dass|ob) (?:sie|du) (?:wirklich )?(?:ein mensch|kein roboter|kein bot)
    ich bin kein roboter|sicherheits(?:überprüfung|abfrage|prüfung)
    ungewöhnliche[nr]? (?:datenverkehr|aktivität|zugriffe)
    browser wird (?:überprüft|geprüft)
    (?:geben sie|gib) die (?:angezeigten )?(?:zeichen|buchstaben)
    que vous (?:êtes|n'êtes pas) (?:bien )?(?:un )?(?:être )?(?:humain|robot)
    êtes-vous (?:un )?(?:humain|robot)|je ne suis pas un robot
    vérification de sécurité|(?:trafic|activité) inhabituel|(?:saisissez|entrez) les caractères
    vérification de votre navigateur
    que (?:usted |tu )?(?:eres|es|no eres|no es) (?:un |una )?(?:ser )?(?:humano|robot|persona)
    no soy un robot|eres (?:un )?(?:humano|robot)
    verificación (?:humana|de seguridad)|(?:tráfico|actividad) inusual
    (?:introduce|introduzca|escriba|escribe) los caracteres|comprobando (?:su|tu) navegador
    que (?:você )?(?:é|não é) (?:um )?(?:ser )?(?:humano|robô)|não sou um robô
    verificação (?:humana|de segurança)|(?:tráfego|atividade) incomum|digite os caracteres
    (?:che|di) (?:non )?(?:sei|essere|siete|tu sia) (?:un )?(?:essere )?(?:umano|robot)
    non sono un robot|verifica di sicurezza|traffico (?:insolito|anomalo)|attività insolita
    inserisci i caratteri
    dat (?:u|je) (?:een mens|geen robot)|ik ben geen robot|beveiligings(?:controle|verificatie)
    ongebruikelijke? (?:verkeer|activiteit)
    że (?:jesteś człowiekiem|nie jesteś robotem)|nie jestem robotem|nietypowy ruch
    sprawdzanie (?:przeglądarki|bezpieczeństwa)
    что вы (?:человек|не робот)|я не робот|вы не робот|необычный трафик
    подозрительн\w+ (?:трафик|активность)|автоматическ\w+ запрос
    проверка (?:браузера|безопасности)|введите символы
    що ви (?:людина|не робот)|я не робот
    robot olmadığınızı|insan olduğunuzu|ben robot değilim|olağan ?dışı trafik
    že (?:jste člověk|nejste robot)|nejsem robot|že ste človek|nie som robot
    att du (?:är en människa|inte är en robot)|jag är inte en robot
    at du (?:er et menneske|ikke er en robot)|jeg er ikke en robot
    että olet ihminen|en ole robotti|nem vagyok robot|nu sunt (?:un )?robot|δεν είμαι ρομπότ
    ότι είστε άνθρωπος|не съм робот
    لست (?:برنامج )?روبوت|أنك (?:إنسان|بشر|لست روبوت)|אני לא רובוט|שאתה (?:אנושי|לא רובוט)
    ロボットではありません|ロボットでないこと|人間であることを(?:確認|証明)
    セキュリティ(?:チェック|確認)|画像に(?:表示されている|ある)文字
    您是(?:真人|人类|人類)|您不是机器人|您不是機器人|我不是(?:机器人|機器人)|人机(?:身份)?验证
    人機驗證|请完成(?:安全)?验证|請完成(?:安全)?驗證|安全验证|异常流量|请输入验证码|請輸入驗證碼
    滑块验证
    로봇이 아닙니다|사람인지 확인|자동 ?입력 ?방지|비정상적인 (?:트래픽|접근)|보안 ?확인
    मैं रोबोट नहीं|आप (?:इंसान|मानव|रोबोट नहीं) हैं|tôi không phải là (?:người máy|robot)
    bạn là con người|ฉันไม่ใช่หุ่นยนต์|คุณเป็นมนุษย์|คุณไม่ใช่(?:โปรแกรมอัตโนมัติ|หุ่นยนต์|บอท)
    saya bukan robot
    anda (?:manusia|bukan robot)
    """
)

_ACCESS_DENIED: Final = _pattern(
    r"""
    (?:error )?(?:403 )?(?:access (?:is )?denied|forbidden|access forbidden)(?: 403)?
    (?:sorry,? )?(?:your )?(?:request|access) (?:was |has been |is )?(?:blocked|rejected|denied)
    (?:sorry,? )?your ip(?: address)? (?:has been|is|was) (?:temporarily )?(?:blocked|banned)
    your access to this (?:site|page|website|service) has been (?:limited|blocked|denied)
    +(?: by the site owner)?
    (?:error )?(?:429 )?too many requests|you are being rate limited|request unsuccessful
    zu viele anfragen|trop de (?:requêtes|demandes)|demasiadas (?:solicitudes|peticiones)
    muitas (?:solicitações|requisições)|troppe richieste|te veel (?:verzoeken|aanvragen)
    zbyt wiele (?:żądań|zapytań)|слишком много запросов|リクエストが多すぎます
    请求(?:过于频繁|过多)|요청이 너무 많습니다
    (?:error )?(?:451:? )?unavailable (?:due to|for) legal reasons
    (?:this|the) (?:content|page|site|website) is (?:not available|unavailable) in your
    + (?:region|country|location)
    (?:dieser inhalt|diese seite) ist in (?:ihrem|deinem) land nicht verfügbar
    (?:ce contenu|cette page|ce site) n'est pas disponible dans votre (?:pays|région)
    (?:este contenido|esta página) no está disponible en (?:tu|su) (?:país|región)
    (?:sorry,? )?you (?:have been|are|were) blocked
    access to this (?:page|site|website) (?:has been|is|was) (?:denied|blocked|restricted)
    (?:der )?zugriff (?:wurde |ist )?(?:verweigert|gesperrt|blockiert)
    (?:l')?accès (?:refusé|interdit|bloqué)|acceso (?:denegado|prohibido|bloqueado)
    acesso (?:negado|proibido|bloqueado)|accesso (?:negato|vietato|bloccato)
    toegang (?:geweigerd|verboden|geblokkeerd)|odmowa dostępu|dostęp (?:zabroniony|zablokowany)
    доступ (?:запрещен|ограничен|закрыт|заблокирован)|доступ заборонено
    erişim (?:engellendi|reddedildi)|přístup (?:odepřen|zamítnut)|prístup zamietnutý
    åtkomst nekad|adgang (?:nægtet|forbudt)|ingen tilgang|tilgang nektet
    pääsy (?:estetty|kielletty)|hozzáférés megtagadva|acces interzis|η πρόσβαση απορρίφθηκε
    アクセスが(?:拒否|制限|禁止)され(?:ました|ています)|アクセス拒否|访问被拒绝|拒绝访问
    存取被拒|拒絕存取|禁止访问|접근이 (?:거부|차단)되었습니다
    액세스(?:가)? 거부(?:됨|되었습니다)?
    تم (?:رفض|حظر) الوصول|الوصول مرفوض|הגישה נדחתה|akses ditolak|truy cập bị từ chối
    """
)
_DENIAL: Final = re.compile(
    r"(?:no|not have|n.t have) permission|permission to|authori[sz]|berechtig|autoris|autoriz"
    r"|reference|referenz|incident|support id|request id|ray id|event id|your ip"
    r"|ip[- ]adress|ip address|adresse ip|direccion ip|endereco ip|indirizzo ip|ip-адрес"
    r"|\b\d{1,3}(?:\.\d{1,3}){3}\b|\b[0-9a-f]{12,}\b|firewall|"
    r"this server|security (?:service|policy|rules)|try again|response code|if you believe"
    r"|\b(?:error|erreur|fehler|contact|administrator|blocked|proxy|vpn|requests?|website)\b"
    r"|web site|site owner|country|region|sorry|unfortunately|\blater\b|spater|plus tard"
    r"|mas tarde|mais tarde|piu tardi|ошибк|позже|администратор|страниц"
    r"|文字|しはらく|管理者|管理员|稍后|관리자|잠시"
)

_MAINTENANCE: Final = _pattern(
    r"""
    (?:(?:the |this |our )?(?:site|website|web site|page|shop|store|service|system)
    +(?:'s| is)? |we(?:'re| are) )?(?:currently |temporarily )?(?:(?:down|offline
    +|closed) for|under|undergoing|in) (?:scheduled |planned |routine )?maintenance(?: mode)?
    maintenance mode|(?:scheduled|planned) maintenance
    briefly unavailable for scheduled maintenance(?:[.] check back in a minute)?
    (?:we(?:'ll| will) )?be (?:right )?back (?:soon|shortly|in a (?:moment|few minutes))
    (?:this |the |our )?(?:site|website|page|service|shop) (?:is )?(?:temporarily
    +|currently) (?:unavailable|offline|closed|down)
    (?:503 )?service (?:temporarily )?unavailable
    wartungs(?:arbeiten|modus|pause)
    (?:die |diese |unsere )?(?:seite|website|webseite) (?:wird gerade gewartet|ist
    + (?:vorübergehend|derzeit) nicht erreichbar)
    wir sind (?:gleich|bald|in kürze) (?:wieder (?:da|für sie da|zurück)|zurück)
    (?:le |notre )?(?:site|service)?(?: est)? ?(?:actuellement )?en (?:cours de )?maintenance
    (?:le site|la page) est (?:temporairement|momentanément) (?:indisponible|fermée?)
    nous (?:revenons|reviendrons|serons de retour) (?:bientôt|très (?:vite|bientôt)|rapidement)
    nous sommes en maintenance|site indisponible
    (?:el |nuestro )?(?:sitio|sitio web|página)?(?: está)? ?(?:actualmente )?en mantenimiento
    (?:estamos|nos encontramos) en mantenimiento
    (?:volvemos|volveremos) (?:muy )?(?:pronto|enseguida)
    estaremos de vuelta (?:pronto|en breve)
    (?:o |nosso )?(?:site|sítio)?(?: está)? ?em manutenção|voltamos (?:em breve|já)
    voltaremos em breve|estamos em manutenção|siamo in manutenzione
    (?:il |il nostro )?(?:sito|sito web)?(?: è)? ?in manutenzione|torniamo (?:presto|subito)
    torneremo presto
    (?:de |deze |onze )?(?:site|website)?(?: is)? ?(?:in|wegens) onderhoud
    we zijn (?:zo|snel) (?:weer )?terug
    (?:onze|deze|de) (?:website|site|webshop) is (?:tijdelijk|momenteel|even) niet (?:bereikbaar
    +|beschikbaar)
    (?:(?:this|the|our) (?:site|website|service) (?:is )?|we(?:'re| are) )?(?:currently )?(?:
    +experiencing|having) (?:some )?technical (?:difficulties|problems|issues)
    (?:this |the |our )?(?:site|website|web site|service|online shop|online store) is (?:currently
    + |temporarily )?(?:down|offline|unavailable)
    we(?:'re| are) (?:upgrading|updating|improving) (?:our|the) (?:site|website|web site|shop|store
    +|systems?|servers?)
    nous (?:améliorons|mettons à jour) (?:notre|le|la) (?:site|boutique en ligne)
    nous mettons (?:notre|le|la) (?:site|boutique en ligne) à jour
    estamos (?:actualizando|mejorando|renovando) (?:nuestr[ao]|la|el) (?:sitio|web|página|tienda
    + online)
    stiamo (?:aggiornando|migliorando|rinnovando) (?:il|la)(?: nostr[ao])? (?:sito|negozio online)
    estamos (?:atualizando|melhorando|a atualizar) (?:[oa] )?(?:noss[ao] )?(?:site|página|loja
    + (?:online|virtual))
    (?:unsere|die|diese) (?:seite|website|webseite) wird (?:gerade |derzeit )?(?:aktualisiert
    +|überarbeitet|gewartet)
    prace (?:techniczne|konserwacyjne|serwisowe)|przerwa techniczna|wracamy wkrótce
    (?:ведутся |идут )?технические работы
    сайт (?:временно )?(?:недоступен|на (?:обслуживании|реконструкции))|технічні роботи
    (?:site |sitemiz )?bakım(?:da|dayız| çalışması| modunda)|probíhá údržba
    stránky jsou v údržbě|underhåll pågår|vi är snart tillbaka|siden er under vedligeholdelse
    vi er snart tilbake|huoltokatko|sivusto on huollossa
    (?:az? )?(?:oldal|weboldal|honlap)?(?:unk)? ?karbantartás alatt(?: (?:áll|van))?
    (?:ο ιστότοπος|η ιστοσελίδα|το site)?(?: μας)? ?(?:είναι |βρίσκεται )?(?:υπό|σε) συντήρηση
    θα επιστρέψουμε σύντομα|vi er (?:straks|snart) tilbage
    there is a problem with (?:the|this) service|site în mentenanță
    (?:ただいま|現在)?(?:サイトは|システム)?メンテナンス中(?:です)?
    (?:网站|系统|本站)?(?:正在)?维护中?|(?:網站|系統)(?:正在)?維護中
    sie (?:befinden sich|sind) (?:jetzt )?(?:im warteraum|in der warteschlange)
    vous êtes (?:dans la|en) file d'attente|(?:estás|está) en la (?:cola|fila)|você está na fila
    sei in (?:coda|fila)|je staat in de (?:wachtrij|rij)|jesteś w kolejce|вы в очереди
    順番待ち(?:中)?(?:です)?|您正在排队|대기열에 있습니다
    you(?:'re| are) (?:now |currently )?in (?:the )?(?:line|queue
    +|waiting room)
    vi utför underhåll|vi är strax tillbaka
    (?:trang web|website|hệ thống)(?: này)? đang (?:được )?bảo trì
    (?:साइट|वेबसाइट) रखरखाव में है|(?:เว็บไซต์|ระบบ)?(?:ปิดปรับปรุง|กำลังปรับปรุง)(?:ระบบ)?
    (?:situs|website|sistem)(?: ini)? (?:sedang )?(?:dalam )?(?:pemeliharaan|perbaikan)
    (?:시스템|서비스|서버|사이트)? ?점검 ?중(?:입니다)?|الموقع (?:تحت|قيد) الصيانة|האתר בתחזוקה
    """
)

_OF_A_SITE: Final = _pattern(
    r"""
    web ?site|(?:this|our|the) (?:site|page|app|platform)|web ?shop|online|servers?\b
    our (?:shop|store)
    being (?:updated|upgraded|improved|maintained)|updating|upgrading|technical difficult
    (?:down|offline) for|do not (?:refresh|reload|close)|reload|http
    use (?:the|this|our) service|\b50[23]\b|overload|capacity|temporarily unable
    web-?seite|(?:die|diese|unsere) seite|unser (?:online-?)?shop|aktualisier|gewartet|wartungsmodus
    \bsite\b|notre boutique|serveur|mise à jour|mettons à jour|plateforme
    sitio|página web|nuestra tienda|actualizando|servidor|nossa loja|atualizando|sítio
    \bsito\b|aggiorn|bijgewerkt|vernieuw|stron[aęy]\b|serwis|sklep|serwer|aktualiz
    сайт|сервер|портал|онлайн|обновля|sunucu|güncell|sitemiz|stránky|e-?shop
    webbplats|sajt|hemsida|hjemmeside|nettside|nettsted|sivusto|palvelin|uppdater|opdater|oppdater
    weboldal|honlap|szerver|actualiz|ιστοσελ|ιστοτοπ
    サイト|サービス|システム|サーバ|网站|系统|服务器|網站|系統|伺服器|升级维护|사이트|서비스|시스템|서버|홈페이지
    الموقع|الخادم|האתר|साइट|เว็บ|ระบบ|trang web|hệ thống|máy chủ|situs|sistem\b
    """
)
"""Words that say that the closed thing is the web site."""

_POLITE: Final = _pattern(
    r"""
    try again|check back|(?:come|visit) (?:us )?(?:again|back) (?:later|soon|in)|inconvenience
    patience
    do not (?:refresh|reload|close)|bear with us|shortly|few minutes|moment
    please wait|estimated|your turn|place in line
    our engineers|thank(?:s| you) for (?:waiting|your wait)
    danke,? (?:dass sie|fürs?) warte|merci d[e'’] ?(?:votre )?attend?|gracias por (?:su |tu )?esper
    grazie per (?:l['’]attesa|aver(?:ci)? atteso)|obrigad[oa] por (?:esperar|aguardar)
    geduld|später|versuchen sie|entschuldig|in kürze|bitte warten|patientez|plus tard|réessay|désol
    gêne|désagrément|paciencia|más tarde|molestias|disculp|paciência|mais tarde|transtorno|desculp
    pazienza|più tardi|disagio|scusiamo|ongemak|excuses|cierpliw|później|przepraszamy|minut
    позже|извин|терпени|скоро|daha sonra|sabrınız|özür|později|trpěliv|omlouv|senare|tålamod
    senere|tålmodighed|myöhemmin|anteeksi|türelm|később|elnézés|răbdare|mai târziu|scuze|υπομον
    しばらく|お待ち|ご迷惑|後ほど|時間をおいて|稍后|稍後|耐心|不便|谅解|잠시|불편|양해|لاحق|نعتذر|maaf|sabar|nanti
    """
)
"""Words by which a site asks its readers to come again."""

_DAY: Final = (
    "mon|tue|wed|thu|fri|sat|sun|mo|di|mi|do|fr|sa|so|lun|mar|mer|jeu|ven|sam|dim|lunes|viernes|sabado"
    "|domingo|seg|sex|sab|dom|ma|wo|vr|za|zo|pn|pt|sob|nd|пн|вт|ср|чт|пт|сб|вс"
)
_OF_A_HOUSE: Final = re.compile(
    rf"\b(?:{_DAY})(?:day|tag|es)?\.?\s?(?:[-–]|to|bis|a|al|à|do)\s?(?:{_DAY})|opening hours"
    r"|offnungszeiten|horaires|horario|orari\b|openingstijden|oppettider|abningstider|apningstider"
    r"|godziny otwarcia|часы работы|営業時間|营业时间|영업시간|\bstreet\b|holiday|vacation|urlaub"
    r"|betriebsferien|vacances|vacaciones|ferias|ferie|vakantie|urlop|отпуск|夏季休業"
)
"""Words of a house with doors, which closes as well: hours, a street, a holiday."""

_OF_A_NOTICE: Final = re.compile(
    r"\boperational\b|incident history|no incidents|betriebsbereit|installs?\b"
    r"|will (?:not )?be (?:(?:un)?available|down|offline) (?:on|from|between)|\bplugin\b"
    r"|\brfc\b|status code|the status \d{3}|(?:to|in) http\b"
)
"""Words of a page that tells of a closed time of something else, or of one to come."""

MAX_OTHER_WORDS: Final = 3
"""Number of words beside its heading of a page that says nothing else."""

_CONSENT: Final = _pattern(
    r"""
    before you (?:continue|proceed|enter)|we (?:value|care about|respect) your privacy
    your privacy (?:is important|matters|choices)
    (?:accept|agree to|consent to) (?:our |the use of |all )?cookies to (?:continue
    +|proceed|access|read|view)
    consent (?:required|needed)|continue with (?:cookies|ads|advertising)|we use cookies
    you must (?:accept|agree)
    are you (?:over|at least|of legal|older than|18|21)
    you must be (?:at least )?(?:1[68]|21|of legal)
    (?:verify|confirm) (?:that )?(?:your age|you(?:'re| are) (?:over|at least))
    age (?:verification|check)
    (?:sind sie|bist du) (?:schon |über |mindestens |älter als )?(?:1[68]|volljährig)|altersprüfung
    avez-vous (?:plus de |au moins )?(?:18|l'âge)|êtes-vous majeur|(?:eres|es usted) mayor de edad
    (?:tienes|tiene) (?:más de )?18|você tem (?:mais de )?18|(?:hai|ha) (?:più di |compiuto )?18
    ben je (?:ouder dan )?18|(?:czy masz|masz) (?:ukończone )?18|вам (?:есть|уже|исполнилось) 18
    18歳以上ですか|年满18|19세 이상
    bevor sie (?:fortfahren|weiterlesen|weitergehen)|ihre privatsphäre
    wir (?:respektieren|schätzen) ihre (?:privatsphäre|daten)
    (?:mit|weiter mit) (?:werbung|cookies)(?: weiterlesen)?|stimmen sie .{0,40}zu
    avant (?:de continuer|d'accéder)|(?:nous respectons )?votre vie privée|votre consentement
    continuer sans accepter
    antes de continuar|(?:valoramos|respetamos) (?:tu|su) privacidad
    (?:tu|su) privacidad (?:es importante|nos importa)|valorizamos (?:a )?sua privacidade
    a sua privacidade
    prima di continuare|(?:la tua|teniamo alla tua) privacy
    voordat (?:je|u) (?:verdergaat|doorgaat)
    (?:wij|we) (?:respecteren|waarderen) (?:je|uw) privacy
    zanim przejdziesz|(?:cenimy|szanujemy) (?:twoją )?prywatność|прежде чем продолжить
    ваша конфиденциальность|innan du fortsätter|før du fortsætter|ennen kuin jatkat
    devam etmeden önce|než budete pokračovat
    続行する前に|プライバシーを尊重|继续之前|繼續之前|我们重视您的隐私|계속하기 전에
    قبل المتابعة
    """
)
_ACCEPT: Final = _pattern(
    r"""
    accept|agree|allow all|got it|consent|i understand|akzeptier|zustimm|einverstanden
    alle erlauben|accepter|j'accepte|tout autoriser|aceptar|acepto|aceitar|concordo|accetta
    accetto|acconsento|accepteren|akkoord|toestaan|akceptuj|zgadzam|zgoda
    принять|принимаю|согласен|соглас|прийняти|kabul|souhlas|přijmout|prijať|godkänn|acceptera
    accepter|godkend|godta|hyväksy|elfogad|accept toate|αποδοχή|приемам
    同意|接受|承諾|동의|수락|أوافق|قبول|מסכים
    ^(?:yes|ja|oui|sí|sim|sì|да|tak|はい|是)\b|^(?:enter|i am|i'm) |^enter$|over (?:18|21)
    """
)

_LOGIN: Final = _pattern(
    r"""
    enter (?:the |this )?(?:store|shop|site|website) (?:using|with) (?:a |the )?password
    (?:please |you (?:must|need to|have to) (?:be )?|first )(?:log(?:ged)?[ -]?in
    +|sign(?:ed)?[ -]?in)(?: (?:first|here|again))?(?: (?:to|before|in order to)\b.{0,60})?
    (?:log ?in|sign ?in) to (?:continue|view|see|read|access|your account)
    (?:login|log-in|sign-in|authentication) (?:is )?required
    (?:your )?session (?:has )?(?:expired|timed out)|members only
    enter your (?:details|credentials|e-?mail|password)(?: and password)? to (?:access|continue
    +|log in|sign in)
    (?:content|page|post|shop|store|site) is password[- ]protected|enter (?:using|store) password
    (?:bitte|sie müssen sich) (?:melden sie sich |loggen sie sich |zuerst )?(?:an
    +|ein|anmelden|einloggen)\b
    bitte (?:anmelden|einloggen)|anmeldung erforderlich|melden sie sich an
    (?:ihre )?sitzung ist abgelaufen
    (?:veuillez|vous devez) (?:vous connecter|vous identifier|être connecté)|connectez-vous pour
    identifiez-vous|connexion requise|session (?:a )?expiré
    (?:por favor )?(?:inicia|inicie) sesión (?:para|primero)|debes? iniciar sesión
    necesitas? iniciar sesión|(?:la |su |tu )?sesión (?:ha )?(?:caducado|expirado)
    (?:faça|é necessário fazer) (?:o )?login (?:para)?|inicie (?:a )?sessão para
    entre para continuar|sessão expirou
    (?:accedi|effettua (?:il login|l'accesso)) per|devi (?:accedere|effettuare)|sessione scaduta
    (?:log in|meld je aan|meld u aan|inloggen) om|je moet ingelogd
    zaloguj się,? (?:aby|żeby)|musisz się zalogować|wymagane logowanie
    (?:пожалуйста,? )?(?:войдите|авторизуйтесь)(?:,? чтобы)?|требуется (?:вход|авторизация)
    увійдіть,? щоб
    (?:devam etmek için )?giriş yap(?:ın|malısınız)|pro pokračování se přihlaste|přihlaste se
    logga in för att|log ind for at|logg inn for å|kirjaudu sisään|jelentkezzen be
    autentificați-vă
    ログインして(?:ください|続行)|ログインが必要です|请(?:先)?登录|請(?:先)?登入
    登录后(?:才能)?(?:查看|继续)|로그인(?:이 필요합니다|해 ?주세요|하세요)|يرجى تسجيل الدخول
    יש להתחבר
    """
)

_LOGIN_TITLE: Final = _pattern(
    r"""
    (?:member |customer |user )?(?:log ?-?in|sign ?-?in)(?: to your account)?
    anmelden|anmeldung|einloggen|connexion|se connecter|identification
    iniciar sesión|inicio de sesión|acceder|acceso|entrar|iniciar sessão|accedi|accesso
    inloggen|aanmelden|zaloguj się|logowanie
    вход|войти|авторизация|вхід|увійти|giriş(?: yap)?|přihlášení|přihlásit se|prihlásenie|logga in
    log ind|logg inn|kirjaudu(?: sisään)?|bejelentkezés|autentificare|σύνδεση
    ログイン|登录|登入|로그인|تسجيل الدخول|ورود|התחברות|เข้าสู่ระบบ|đăng nhập|masuk
    """
)
MAX_WORDS_OF_LOGIN: Final = 60
"""Number of words of a login whose heading alone tells that it is one."""

_VAGUE: Final = _pattern(
    r"""
    just a moment|one more step|attention required|pardon (?:our|the) interruption
    security (?:check|verification)|sicherheits(?:überprüfung|abfrage|prüfung)
    vérification de sécurité|verificación de seguridad|verificação de segurança
    verifica di sicurezza|beveiligings(?:controle|verificatie)|проверка безопасности
    セキュリティ(?:チェック|確認)|安全验证|보안 ?확인
    forbidden|(?:503 )?service unavailable
    """
)
"""Headings that other pages have too: they tell a wall only beside something else that does."""

_OF_A_SERVER: Final = re.compile(
    r"server|request|maintenance|try again|later|temporarily|capacity|overload|503|apache|nginx"
)
MAX_WORDS_OF_VAGUE: Final = 5
"""Number of words of a page that has hardly more than a vague heading."""

_ADDRESSES: Final = {
    WallKind.BOT_CHECK: re.compile(r"captcha|bot-?check|are-you-|turing", re.IGNORECASE),
    WallKind.ACCESS_DENIED: re.compile(r"denied|forbidden|403|blocked", re.IGNORECASE),
    WallKind.CONSENT: re.compile(r"cookie|consent|privacy|datenschutz|gdpr|dsgvo", re.IGNORECASE),
    WallKind.LOGIN: re.compile(
        r"log-?_?[io]n|sign-?_?[io]n|sign-?_?up|auth|account|anmeld|connexion|acceso|session|sso",
        re.IGNORECASE,
    ),
    WallKind.MAINTENANCE: re.compile(
        r"maintenance|wartung|status|downtime|mantenimiento|manutenc", re.IGNORECASE
    ),
}
"""Addresses of pages that are about such walls, or are one on purpose."""

_CHALLENGE: Final = re.compile(
    r"captcha|challenge|turnstile|incapsula|bot[-_]?(?:check|wall|detect|protect|manage)"
    r"|anti[-_]?bot|human[-_]?(?:check|verif|challenge)|robot[-_]?check|ddos[-_]?(?:guard|protect)"
    r"|are[-_]?you",
    re.IGNORECASE,
)
_AROUND: Final = " .!…?-–—:·"
_SORRY: Final = re.compile(
    r"(?:(?:we're |we are )?sorry|o+ps|ups|entschuldigung|desole|lo sentimos|desculpe"
    r"|ci dispiace)[,!.:]? "
)
_DOCTYPE: Final = re.compile(r"<!doctype[^>]*>?", re.IGNORECASE)
_PARTS: Final = re.compile(r"\s+[|·•–—:»«‹›-]\s+|[|!?.。！？]+\s*")
_WORD: Final = re.compile(r"[^\W\d_]+|\d+")
_WIDE: Final = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")


def wall_of(html: str, url: str) -> Wall | None:
    """The wall that `html` is, None if it is a page.

    `url` is the address that was asked for, before redirects.
    """
    if len(html) > MAX_HTML or html.count("<") > MAX_ELEMENTS:
        return None
    # A tree with a document type that names a SYSTEM cannot be cloned.
    tree = LexborHTMLParser(_DOCTYPE.sub(" ", html))
    shown = tree.clone()
    shown.strip_tags(["script", "style", "template", "title"])
    text = _folded(_text_of(shown.body))
    if _has_more_words(text, MAX_WORDS_OF_CONSENT):
        return None
    page = _Page(tree, shown, text)
    for kind, judge in (
        (WallKind.BOT_CHECK, _bot_check),
        (WallKind.ACCESS_DENIED, _access_denied),
        (WallKind.LOGIN, _login),
        (WallKind.MAINTENANCE, _maintenance),
        (WallKind.CONSENT, _consent),
    ):
        said = judge(page)
        if said is not None and kind is not WallKind.CONSENT:
            shown.strip_tags(["header", "nav", "footer"])  # `Free delivery over $50`
            if find_money(_text_of(shown.body)[:20_000]):
                return None  # a page that names a price says something of its own
        if said is not None and not _ADDRESSES[kind].search(url.split("/", 3)[-1]):
            return Wall(kind, said)
    return None


class _Page:
    """What is seen of a page, and its forms: `text` is that of `shown`, which has no scripts."""

    def __init__(self, tree: LexborHTMLParser, shown: LexborHTMLParser, text: str) -> None:
        self._tree = tree
        self.text = text
        self._attributes = self._all_attributes()
        self.refreshes = self._tree.css_first("meta[http-equiv='refresh' i]") is not None
        self.scripted = self._tree.css_first("script") is not None
        self.links = sum(1 for _ in islice(self._tree.css("a[href]"), MAX_LINKS + 1))
        self.passwords = len(self._tree.css("input[type='password' i]"))
        self.fields = len(self._tree.css("textarea, select")) + sum(
            1
            for field in self._tree.css("input")
            if (field.attributes.get("type") or "text").lower()
            in ("text", "email", "tel", "search", "number", "url", "date")
        )
        self.buttons = [_folded(text) for text in self._button_texts()]
        self.asks_who = self._tree.css_first(FIELDS_OF_LOGINS) is not None
        self.asks_for_data = self._tree.css_first(FIELDS_OF_OTHER_FORMS) is not None
        self.title = _folded(_text_of(self._tree.css_first("title")))
        self.headings = [
            _folded(_text_of(node)) for node in islice(self._tree.css("h1, h2, h3, h4"), 8)
        ]
        self._shown = shown
        self.paragraphs = sum(
            1
            for node in islice(shown.css("p, li, dd, blockquote"), MAX_ELEMENTS)
            if _words_of(_folded(_text_of(node))) >= LONG_PARAGRAPH
        )

    def _all_attributes(self) -> str:
        nodes = islice(
            self._tree.css("script, iframe, form, input, img, div, section, button"), MAX_ELEMENTS
        )
        return " ".join(
            value[:200]
            for node in nodes
            for name, value in node.attributes.items()
            if value and name in ("src", "action", "id", "class", "name", "data-action")
        )

    def _button_texts(self) -> Iterable[str]:
        for node in islice(
            self._tree.css("button, input, a[role='button'], a[class*='btn' i]"), 50
        ):
            if node.tag == "input":
                if (node.attributes.get("type") or "").lower() in ("submit", "button"):
                    yield node.attributes.get("value") or ""
            else:
                yield node.text()

    @cached_property
    def words(self) -> float:
        """The number of words; of scripts without spaces, half the number of characters."""
        return _words_of(self.text)

    @cached_property
    def has_challenge(self) -> bool:
        """Whether a script, frame or form of the page is a challenge."""
        return _CHALLENGE.search(self._attributes) is not None

    @cached_property
    def lines(self) -> list[str]:
        """The title and the headings, and the parts of them."""
        found = [line for line in [self.title, *self.headings] if line]
        if not self.headings and self.words <= MAX_BARE_WORDS:
            found.append(self.text)  # a page of one sentence
        return [*found, *(part for line in found for part in _PARTS.split(line) if part)]

    def words_outside_of(self, phrase: re.Pattern[str]) -> float | None:
        """The number of words outside of the part that has a heading with `phrase` and a button.

        None if there is no such part.
        """
        for heading in islice(self._shown.css("h1, h2, h3, h4, [role='heading']"), 8):
            if not phrase.search(_folded(_text_of(heading))):
                continue
            part = heading.parent
            while part is not None and part.css_first("button, input, a[role='button']") is None:
                part = part.parent
            if part is not None:
                return self.words - _words_of(_folded(_text_of(part)))
        return None

    @cached_property
    def headed_vaguely(self) -> bool:
        """Whether what it is headed with may be the title of another page as well."""
        lines = [line.strip(_AROUND) for line in self.headings or [self.title] if line]
        return bool(lines) and all(map(_VAGUE.fullmatch, lines))

    def headed(self, phrase: re.Pattern[str]) -> str | None:
        """The first line of title and headings that is nothing but `phrase`."""
        for line in self.lines:
            if phrase.fullmatch(_SORRY.sub("", line.strip(_AROUND))):
                return line
        return None


def _bot_check(page: _Page) -> str | None:
    if page.words > MAX_WORDS or page.links > MAX_LINKS or page.fields > MAX_FIELDS:
        return None
    if page.passwords or page.asks_for_data or page.paragraphs >= LONG_PARAGRAPHS:
        return None
    told = ". ".join([page.title, *page.headings, page.text[:START]])
    said = _BOT_CHECK.search(told if page.words > MAX_BARE_WORDS * 1.5 else f"{told}. {page.text}")
    if said is None:
        return "a challenge" if page.words <= MAX_WORDS_OF_SCRIPT and page.has_challenge else None
    in_heading = any(_BOT_CHECK.search(line) for line in page.lines)
    if page.has_challenge or page.refreshes:
        return said[0] if in_heading or not page.fields else None  # a form with a captcha
    heading = page.headed(_BOT_CHECK)
    acts = bool(page.buttons) or page.fields > 0 or not page.links
    if heading and acts and page.words <= MAX_BARE_WORDS and not page.headed_vaguely:
        return said[0]
    answered = page.fields == MAX_FIELDS and bool(page.buttons) and page.words <= MAX_WORDS / 2
    return said[0] if answered and in_heading else None


def _access_denied(page: _Page) -> str | None:
    if page.words > MAX_WORDS_OF_NOTICE or page.links > MAX_LINKS_OF_NOTICE:
        return None
    said = page.headed(_ACCESS_DENIED)
    if said is None or page.fields > MAX_FIELDS:
        return None
    most = MAX_WORDS_OF_VAGUE if page.headed_vaguely else MAX_WORDS_OF_DENIAL
    is_long = _words_of(said) >= LONG_DENIAL and page.words <= MAX_BARE_WORDS
    if page.words <= most or is_long:
        return said
    told = page.text.replace(said, " ")
    return said if _DENIAL.search(told) and not _OF_A_NOTICE.search(told) else None


def _maintenance(page: _Page) -> str | None:
    if page.words > MAX_WORDS_OF_NOTICE or page.links > MAX_LINKS_OF_NOTICE:
        return None
    said = page.headed(_MAINTENANCE) if page.fields <= MAX_FIELDS else None
    if said is None:
        if page.words > MAX_BARE_WORDS or page.links or page.fields or page.headed(_VAGUE):
            return None
        found = _MAINTENANCE.search(page.text)
        if found is None or not _OF_A_SITE.search(page.text) or not _POLITE.search(page.text):
            return None
        return None if _OF_A_NOTICE.search(page.text) else found[0]
    if page.headed_vaguely and page.words > MAX_WORDS_OF_VAGUE:
        is_wall = _OF_A_SERVER.search(page.text) and not _OF_A_NOTICE.search(page.text)
        return said if is_wall else None
    if page.words - _words_of(said) <= MAX_OTHER_WORDS:
        return said
    told = f"{page.title} {page.text}"
    if _OF_A_NOTICE.search(told):
        return None
    if _OF_A_SITE.search(told) or len({each[0] for each in _MAINTENANCE.finditer(told)}) > 1:
        return said
    return said if _POLITE.search(told) and not _OF_A_HOUSE.search(told) else None


def _login(page: _Page) -> str | None:
    if page.words > MAX_WORDS or page.links > MAX_LINKS or not (page.passwords or page.fields):
        return None
    said = _LOGIN.search(f"{'. '.join(page.lines)}. {page.text}")
    if said is not None and page.passwords:
        return said[0]
    if page.words > MAX_WORDS_OF_LOGIN or page.fields > MAX_FIELDS:
        return None
    if not page.passwords and not page.asks_who:
        return None
    headed = next((found for line in page.lines if (found := _LOGIN.search(line))), None)
    return headed[0] if headed else page.headed(_LOGIN_TITLE)


def _consent(page: _Page) -> str | None:
    if page.words > MAX_WORDS_OF_CONSENT or page.links > MAX_LINKS or page.fields:
        return None
    accepts = any(_ACCEPT.search(button) for button in page.buttons)
    if not accepts:
        return None
    said = [found for line in page.headings if (found := _CONSENT.search(line))]
    if page.headings:
        outside = page.words_outside_of(_CONSENT)
        alone = len(said) == len(page.headings) or len(page.headings) == len(said) + 1
        if not said or outside is None or outside > MAX_WORDS_OUTSIDE:
            return None
        if len(page.headings) > len(said) and outside > MAX_WORDS_OF_NAME:
            return None  # a banner before a short page
        return said[0][0] if alone and _CONSENT.search(page.headings[0]) else None
    begins = _CONSENT.search(f"{page.title}. {page.text[:START]}")
    return begins[0] if begins and page.words <= MAX_WORDS_OF_NOTICE else None


def _words_of(folded: str) -> float:
    wide = len(_WIDE.findall(folded))
    return wide / 2 + len(_WORD.findall(_WIDE.sub(" ", folded) if wide else folded))


def _has_more_words(folded: str, most: int) -> bool:
    """Whether there are more than `most` words, without a count of all of them."""
    if _WIDE.search(folded):
        return _words_of(folded) > most
    return next(islice(_WORD.finditer(folded), most, None), None) is not None


def _text_of(node: LexborNode | None) -> str:
    return node.text(separator=" ") if node is not None else ""
