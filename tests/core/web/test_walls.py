"""Pages that are shown in place of the page, and pages that only look like them."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.web.walls import WallKind, wall_of

URL = "https://shop.example/item/7"
NAVIGATION = "".join(f"<a href=/{name}>{name}</a> " for name in ("home", "shop", "news", "help"))
PROSE = "<p>" + "Words of an article that goes on for a while and tells what it has to tell. " * 4
LONG_PAGE = NAVIGATION + PROSE * 6


def page(title: str, body: str) -> str:
    return f"<!doctype html><html><head><title>{title}</title></head><body>{body}</body></html>"


def check(title: str, heading: str, text: str, challenge: str = "/challenge") -> str:
    form = f"<form action='{challenge}'><input name=answer><button>OK</button></form>"
    return page(title, f"<h1>{heading}</h1><p>{text}</p>{form}")


WALLS = {
    # bot checks (thp/urlwatch#614, unclecode/crawl4ai#206)
    "characters": (
        WallKind.BOT_CHECK,
        "<!doctype html><title>Robot check</title><h4>Enter the characters you see below</h4>"
        "<p>Sorry, we just need to make sure you are not a robot. Enable cookies and reload.</p>"
        "<form action='/errors/validateCaptcha'><input name=c><button>Continue</button></form>",
    ),
    "moment": (
        WallKind.BOT_CHECK,
        page(
            "Just a moment...",
            "<div class=main><h1>shop.example</h1><h2>Verifying you are human. This may take a few "
            "seconds.</h2></div><noscript>Enable JavaScript and cookies to continue</noscript>"
            "<script src='/cdn/challenge-platform/orchestrate.js'></script>",
        ),
    ),
    "hold": (
        WallKind.BOT_CHECK,
        page(
            "Access to this page has been denied",
            "<h1>Press &amp; Hold to confirm you are a human (and not a bot).</h1>"
            "<p>Reference ID 4e1f22aa-0b1d<div id='px-captcha'></div>",
        ),
    ),
    "traffic": (
        WallKind.BOT_CHECK,
        page(
            "https://shop.example/item/7",
            "<form id='captcha-form' action='index' method=post><div class='g-captcha'></div>"
            "<input type=hidden name=q></form>About this page<br>Our systems have detected unusual "
            "traffic from your computer network. This page checks to see if it's really you "
            "sending the requests, and not a robot.",
        ),
    ),
    "script alone": (
        WallKind.BOT_CHECK,
        page("", "<div id=challenge-stage></div><script src=/challenge.js></script>"),
    ),
    "german": (
        WallKind.BOT_CHECK,
        check("Sicherheitsabfrage", "Sind Sie ein Mensch?", "Bitte geben Sie die Zeichen ein."),
    ),
    "french": (
        WallKind.BOT_CHECK,
        check("Vérification", "Vérifiez que vous êtes humain", "Un instant, s'il vous plaît."),
    ),
    "spanish": (
        WallKind.BOT_CHECK,
        check("Un momento", "Demuestra que no eres un robot", "Hemos notado tráfico inusual."),
    ),
    "portuguese": (
        WallKind.BOT_CHECK,
        check("Aguarde", "Confirme que você não é um robô", "Digite os caracteres da imagem."),
    ),
    "italian": (
        WallKind.BOT_CHECK,
        check("Attendere", "Conferma di non essere un robot", "Traffico insolito dalla tua rete."),
    ),
    "polish": (
        WallKind.BOT_CHECK,
        check("Chwileczkę", "Potwierdź, że jesteś człowiekiem", "Wykryliśmy nietypowy ruch."),
    ),
    "russian": (
        WallKind.BOT_CHECK,
        check("Ой!", "Подтвердите, что вы не робот", "Запросы похожи на автоматические."),
    ),
    "japanese": (
        WallKind.BOT_CHECK,
        check("セキュリティチェック", "画像に表示されている文字を入力", "ロボットではありません"),
    ),
    "chinese": (
        WallKind.BOT_CHECK,
        check("安全验证", "请完成安全验证", "请输入验证码后继续访问。"),
    ),
    "korean": (WallKind.BOT_CHECK, check("보안 확인", "로봇이 아닙니다", "사람인지 확인합니다.")),
    "arabic": (WallKind.BOT_CHECK, check("تحقق", "تحقق من أنك إنسان", "أنا لست برنامج روبوت")),
    "turkish": (
        WallKind.BOT_CHECK,
        check("Bir dakika", "Robot olmadığınızı doğrulayın", "Olağan dışı trafik algıladık."),
    ),
    "dutch": (
        WallKind.BOT_CHECK,
        check("Even geduld", "Bevestig dat je geen robot bent", "Ik ben geen robot."),
    ),
    # access denied
    "denied": (
        WallKind.ACCESS_DENIED,
        page(
            "Access Denied",
            '<h1>Access Denied</h1>You don\'t have permission to access "/item/7" on this server.'
            "<p>Reference #18.2d351ab8.1557333295.a4e16ab",
        ),
    ),
    "blocked": (
        WallKind.ACCESS_DENIED,
        page(
            "Attention | Shop",
            "<h1>Sorry, you have been blocked</h1><p>You are unable to access shop.example. "
            "Your IP: 203.0.113.7",
        ),
    ),
    "verweigert": (
        WallKind.ACCESS_DENIED,
        page("Zugriff verweigert", "<h1>Zugriff verweigert</h1><p>Ihre IP-Adresse ist gesperrt."),
    ),
    "refusé": (WallKind.ACCESS_DENIED, page("Accès refusé", "<h2>Accès refusé</h2><p>Erreur 15")),
    "запрещён": (
        WallKind.ACCESS_DENIED,
        page("Доступ запрещен", "<h1>Доступ запрещен</h1><p>Ваш IP-адрес 203.0.113.7"),
    ),
    # maintenance
    "back soon": (
        WallKind.MAINTENANCE,
        page("Shop", "<h1>We'll be back soon!</h1><p>Sorry for the inconvenience."),
    ),
    "maintenance": (
        WallKind.MAINTENANCE,
        page("Site under maintenance", "<p>We are improving the shop. Come back in an hour."),
    ),
    "wartung": (
        WallKind.MAINTENANCE,
        page("Wartungsarbeiten", "<h1>Wir sind bald wieder da</h1><p>Wir warten den Shop."),
    ),
    "mantenimiento": (
        WallKind.MAINTENANCE,
        page("Sitio en mantenimiento", "<h1>Volvemos pronto</h1><p>Gracias por su paciencia."),
    ),
    "メンテナンス": (
        WallKind.MAINTENANCE,
        page("ただいまメンテナンス中です", "<h1>メンテナンス中</h1><p>しばらくお待ちください。"),
    ),
    # consent
    "before": (
        WallKind.CONSENT,
        page(
            "Before you continue",
            "<h1>Before you continue</h1><p>We use cookies and data to deliver our services."
            "<form action=/save><button>Reject all</button><button>Accept all</button></form>"
            "<a href=/privacy>Privacy</a>",
        ),
    ),
    "bevor": (
        WallKind.CONSENT,
        page(
            "Nachrichten",
            "<div><h1>Bevor Sie fortfahren</h1><p>Wir und unsere Partner verarbeiten Daten."
            "<button>Alle akzeptieren</button></div><footer>Impressum</footer>",
        ),
    ),
    "avant": (
        WallKind.CONSENT,
        page(
            "Le journal",
            "<section><h2>Nous respectons votre vie privée</h2><p>Nos partenaires stockent des "
            "informations sur votre appareil.<button>Tout accepter</button></section>",
        ),
    ),
    # login
    "login": (
        WallKind.LOGIN,
        page(
            "Members",
            "<h1>Please log in to continue</h1><form><input name=u><input type=password name=p>"
            "<button>Log in</button></form>",
        ),
    ),
    "anmelden": (
        WallKind.LOGIN,
        page(
            "Portal",
            "<h1>Anmeldung erforderlich</h1><form><input name=u><input type=password></form>",
        ),
    ),
    "expired": (
        WallKind.LOGIN,
        page("Portal", "<p>Your session has expired.<form><input type=password></form>"),
    ),
}

LOGIN_FORM = (
    "<form action=/x><label>E-mail <input type=email></label><label>Password <input type=password>"
    "</label><button>OK</button></form><a href=/forgot>Forgotten?</a> <a href=/join>Join</a>"
)


def headed(heading: str, text: str = "", form: str = "") -> str:
    return page(f"{heading} | Shop", f"<h1>{heading}</h1><p>{text}</p>{form}")


MORE_WALLS = {
    WallKind.LOGIN: [
        *(
            headed(title, form=LOGIN_FORM)
            for title in (
                "Sign in", "Log in", "Anmelden", "Connexion", "Iniciar sesión", "ログイン", "登录",
                "Вход", "Accedi", "Zaloguj się", "تسجيل الدخول", "Customer login",
            )
        ),
        headed("Welcome back", "Enter your details to access your account", LOGIN_FORM),
        headed(
            "Please sign in to continue",
            form="<button>Go on with Example</button><form><input type=email></form>",
        ),
        page("Sign in to your account", "<div>Sign in</div><form><input type=email></form>"),
        page(
            "Shop",
            "<header>Free shipping over £50</header><h1>Log in</h1><p>Please log in to continue</p>"
            "<form><input name=u><input type=password></form>",
        ),
        headed(
            "Protected: Prices",
            "This content is password protected. To view it please enter your password below:",
            "<form><input type=password><input type=submit value=Enter></form>",
        ),
    ],
    WallKind.ACCESS_DENIED: [
        headed("Too Many Requests", "Please try again later."),
        headed("Zu viele Anfragen", "Bitte versuchen Sie es später."),
        headed("Trop de requêtes"),
        headed("请求过于频繁"),
        headed("You are being rate limited", "The owner has banned you temporarily."),
        headed("Your IP address has been blocked", "If you believe this is an error, contact us."),
        headed("Your access to this site has been limited by the site owner", "Response code 503"),
        headed("Sorry, your request has been denied", "You may be a robot."),
        headed("451: Unavailable due to legal reasons", "We recognise your country."),
        headed("This content is not available in your region", "We are sorry."),
        page("", "Request unsuccessful. Incapsula incident ID: 47300-112"),
        page("403 Forbidden", "<center><h1>403 Forbidden</h1></center><hr>nginx"),
        page("Forbidden", "<h1>Forbidden</h1><p>You have no permission to access / here."),
    ],
    WallKind.MAINTENANCE: [
        page("Maintenance", "Briefly unavailable for scheduled maintenance. Check back soon."),
        headed("Scheduled maintenance", "We should be back online shortly."),
        headed("Service Temporarily Unavailable", "The server cannot serve your request."),
        headed("Service unavailable", "Try again later."),
        headed("You are now in line", "Estimated wait: 5 minutes."),
        headed("Sie befinden sich im Warteraum", "Bitte warten."),
        headed("Vous êtes dans la file d'attente"),
        headed("Вы в очереди"),
        headed("Vi utför underhåll"),
        headed("साइट रखरखाव में है"),
        headed("Website đang bảo trì"),
        headed("เว็บไซต์ปิดปรับปรุง"),
        headed("Situs sedang dalam pemeliharaan"),
    ],
    WallKind.BOT_CHECK: [
        check("सत्यापन", "कृपया सत्यापित करें कि आप रोबोट नहीं हैं", ""),
        check("ยืนยัน", "โปรดยืนยันว่าคุณไม่ใช่โปรแกรมอัตโนมัติ", ""),
        check("Verifikasi", "Verifikasi bahwa Anda bukan robot", ""),
        page(
            "One moment",
            "<h1>Let's confirm you are human</h1><p>Complete the security check before continuing. "
            "This step verifies that you are not a bot.<button>Begin</button>",
        ),
        page("", "<iframe src='/_Incapsula_Resource?x' width=100%></iframe>"),
        page(
            "Just a moment...",
            "<h1>shop.example</h1><p>Checking your browser.<script src=/challenge.js></script>",
        ),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "html"), [(kind, html) for kind, some in MORE_WALLS.items() for html in some]
)
def test_a_wall_in_other_words_is_recognised(kind: WallKind, html: str) -> None:
    found = wall_of(html, URL)
    assert found is not None
    assert found.kind is kind


@pytest.mark.parametrize(("kind", "html"), WALLS.values(), ids=list(WALLS))
def test_a_wall_is_recognised(kind: WallKind, html: str) -> None:
    found = wall_of(html, URL)
    assert found is not None
    assert found.kind is kind
    assert found.said


PAGES = {
    "a shop": page(
        "Tea kettle - Shop",
        "<h1>Tea kettle</h1><p>$49.00</p><h2>Details</h2><ul><li>1.5 litres<li>Steel</ul>",
    ),
    "an article about captchas": page(
        "What a captcha is: are you a robot?",
        f"<h1>Are you a robot?</h1>{LONG_PAGE}<p>A captcha asks you to verify you are human.",
    ),
    "a short entry about captchas": page(
        "CAPTCHA",
        "<h1>CAPTCHA</h1><p>A test by which a site asks whether you are a human. You enter the "
        "characters you see below a distorted picture. From 2000. <a href=/turing>Turing</a>",
    ),
    "a contact form with a captcha": page(
        "Contact",
        "<h1>Contact</h1><form><input name=n><input type=email name=m><textarea></textarea>"
        "<p>Please confirm that you are not a robot.</p><div class=h-captcha></div></form>",
    ),
    "a newsletter with a captcha": page(
        "Coming soon",
        "<h1>We open in May</h1><form><input type=email name=m><div class=g-recaptcha></div>"
        "<p>Verify you are human</p><button>Tell me</button></form>",
    ),
    "a registration with a captcha": page(
        "Join",
        "<h1>Join us</h1><form><input name=u><input type=password><div class=captcha></div>"
        "<p>I am not a robot</p></form>",
    ),
    "a robot vacuum": page(
        "Robot vacuum R2", "<h1>Robot vacuum R2</h1><p>Not a robot like others. $199.</p>"
    ),
    "a song called access denied": page(
        "Access Denied (song)", f"<h1>Access Denied</h1>{LONG_PAGE}<p>The song of 1998."
    ),
    "a help page about access": page(
        "Access denied: what to do",
        f"<h1>Access denied: what to do</h1>{NAVIGATION}<p>Ask for permission of this server.",
    ),
    "maintenance of cars": page(
        "Maintenance", "<h1>Maintenance</h1><p>We service your car for $80. Call us."
    ),
    "a status page": page(
        "Status",
        "<h1>Status</h1><ul><li>API: running<li>Shop: under maintenance until 5 pm</ul>",
    ),
    "news of a maintenance": page(
        "News", f"<h1>Scheduled maintenance on Friday</h1>{NAVIGATION}<p>From 2 to 4 am."
    ),
    "a banner for cookies": page(
        "Prices",
        "<h1>Prices</h1><p>Pro costs $49 a month, Team costs $99 a month.</p><div class=banner>"
        "<h2>We value your privacy</h2><p>We use cookies.<button>Accept all</button></div>",
    ),
    "a banner before the content": page(
        "Prices",
        "<div class=banner><h2>We value your privacy</h2><button>Accept all</button></div>"
        f"<main>{LONG_PAGE}</main>",
    ),
    "a privacy policy": page("Privacy", f"<h1>We respect your privacy</h1>{LONG_PAGE}"),
    "a page with a login in its head": page(
        "Prices",
        f"<form><input name=u><input type=password><button>Log in</button></form>{LONG_PAGE}",
    ),
    "the front page of an application": page(
        "Tasks", "<h1>Tasks for teams</h1><p>Plan your week.<form><input type=password></form>"
    ),
    "a page that reloads itself": page(
        "Ferry", "<meta http-equiv=refresh content=60><h1>Ferry</h1><p>The ferry runs."
    ),
    "a shop that accepts cards": page(
        "Order", "<h1>Before you order</h1><p>You must accept our terms. $5.<button>Agree</button>"
    ),
    "a story of a robot": page(
        "Short story", f"<h1>Just a moment</h1>{PROSE * 3}<p>“You are not a robot,” she said."
    ),
    "an empty page": page("", ""),
    "a feature called human verification": page(
        "Human verification for banks",
        "<h1>Human verification for banks</h1><p>Our product, from $900 a month.</p>",
    ),
    "a price list of captchas": page(
        "Captcha pricing",
        "<h1>Captcha pricing</h1><p>Prove you are human. $99 a month"
        "<script src=/captcha.js></script>",
    ),
    "a contact form with one field and a captcha": page(
        "Contact",
        "<h1>Contact</h1><p>I am not a robot</p><form><input name=name><button>Send</button></form>"
        "<div class=g-recaptcha></div>",
    ),
    "a search behind a captcha": page(
        "Search",
        "<h1>Search cases</h1><form><input name=q><button>Search</button></form><div class="
        "g-recaptcha></div><p>Confirm you are not a robot. 1,200 cases.</p>",
    ),
    "a garage": page("Security check", "<h1>Security check</h1><p>We check the brakes of cars."),
    "a song": page("Just a moment - lyrics", "<h1>Just a moment</h1><p>La la, la la."),
    "a film": page("Forbidden", "<h1>Forbidden</h1><p>A film of 1932. In cinemas in May."),
    "a lift": page(
        "Repair", "<h1>Service unavailable</h1><p>The lift is out of order until Monday."
    ),
    "a plugin": page("Maintenance mode", "<h1>Maintenance mode</h1><p>A plugin for $19."),
    "a heating engineer": page(
        "Wartungsarbeiten", "<h1>Wartungsarbeiten</h1><p>Wir warten Ihre Heizung ab 80 €."
    ),
    "a kettle with a login": page(
        "Shop",
        "<h1>Kettle</h1><p>$49</p><p>Please log in to see your discount</p><form><input name=u>"
        "<input type=password><button>Log in</button></form>",
    ),
    "a museum": page(
        "Acceso | Museo",
        "<input type=search><h1>Acceso</h1><p>El metro para delante de la puerta.</p>",
    ),
    "a price of traders": page(
        "Widget", "<input type=search><h1>Widget</h1><p>Log in to view your trade price.</p>"
    ),
    "a newsletter in an article": page(
        "News",
        "<h1>News</h1><p>Enter your email to continue reading<form><input type=email></form>",
    ),
    "a lesson about a status": page(
        "Too Many Requests", f"<h1>Too Many Requests</h1>{PROSE * 4}<p>The status 429."
    ),
    "a furnisher": page("Waiting rooms", "<h1>Waiting rooms</h1><p>Chairs for clinics."),
    "a club": page("Members only", "<h1>Members only</h1><p>Our club is open to all."),
    "a newsletter": page(
        "News", "<h1>Sign up for news</h1><form><input type=email><button>OK</button></form>"
    ),
    "a lesson in german": page(
        "Wörter", f"<h1>Einen Moment bitte</h1>{LONG_PAGE}<p>Sind Sie ein Mensch?"
    ),
}


@pytest.mark.parametrize("html", PAGES.values(), ids=list(PAGES))
def test_a_page_is_no_wall(html: str) -> None:
    assert wall_of(html, URL) is None


NOTICES = {
    "news sched title": page(
        "Scheduled maintenance",
        "<h1>Scheduled maintenance</h1><p>On Sunday, 12 May, the water in "
        "building C is off from 8 am to noon. Please fill a bucket.</p>",
    ),
    "status page": page(
        "Status",
        "<h1>All systems operational</h1><h2>Scheduled "
        "maintenance</h2><p>Database upgrade, 12 May, 02:00 to 03:00 UTC.</p>",
    ),
    "status page2": page(
        "Acme status",
        "<h1>Acme status</h1><ul><li>API Operational<li>Dashboard "
        "Operational<li>Webhooks Under maintenance</ul><h2>Planned "
        "maintenance</h2><p>No maintenance planned.</p>",
    ),
    "shop hours": page(
        "Rosa's Flowers",
        "<h1>We'll be back soon!</h1><p>We are on holiday until 3 "
        "August.</p><h2>Opening hours</h2><p>Mon-Fri 9-18, Sat 9-13</p><p>Call "
        "555-1234</p>",
    ),
    "shop temporarily closed": page(
        "Bike shop",
        "<h1>The shop is temporarily closed</h1><p>Due to illness we open again "
        "on Thursday. In urgent cases call Tom, 555-1234. Our hours: Mon-Fri "
        "10-18.</p>",
    ),
    "blog": page(
        "Back soon - Anna's blog",
        "<h1>Be back soon</h1><p>I am having a baby! I will write again in the "
        "autumn. Love, Anna</p><p>Posted 3 May</p>",
    ),
    "plugin": page(
        "Maintenance mode – plugins",
        "<h1>Maintenance mode</h1><p>Adds a page to your blog that lets visitors "
        "know that it is down for maintenance. Active installs: 900,000. Last "
        "updated 3 weeks ago.</p>",
    ),
    "lift": page(
        "Building services",
        "<h1>Scheduled maintenance</h1><ul><li>Lift A: 3 May<li>Lift B: 4 "
        "May<li>Heating: 10 May</ul>",
    ),
    "wartung2": page(
        "Wartungsarbeiten",
        "<h1>Wartungsarbeiten</h1><p>Die Brücke ist vom 3. bis 9. Mai gesperrt. "
        "Die Umleitung führt über Neustadt.</p>",
    ),
    "betriebsferien": page(
        "Bäckerei Huber",
        "<h1>Wir sind bald wieder da</h1><p>Betriebsferien bis 15. August. "
        "Danach wieder täglich von 6 bis 18 Uhr. Tel. 0123 4567</p>",
    ),
    "prace": page(
        "Komunikaty",
        "<h1>Prace techniczne</h1><p>W dniach 3-5 maja zamknięta będzie ulica Długa.</p>",
    ),
    "tech": page(
        "Новости",
        "<h1>Технические работы</h1><p>3 мая с 9 до 15 часов в доме 5 не будет воды.</p>",
    ),
    "volvemos": page(
        "Panadería Sol",
        "<h1>Volvemos pronto</h1><p>Cerrado por vacaciones hasta el 31 de "
        "agosto. Horario: lunes a sábado de 8 a 14. Tel. 955 123 456</p>",
    ),
    "queue": page(
        "Ticket help",
        "<h1>You are in line</h1><p>What it means: our box office sells tickets "
        "in the order in which people came. Box office: Mon-Fri 10-18.</p>",
    ),
    "access denied help": page(
        "Access denied",
        "<h1>Access denied</h1><p>Our dogs are not allowed in the park from May "
        "to September. Permission for guide dogs is given at the gate.</p>",
    ),
    "planned outage list": page(
        "Planned maintenance",
        "<h1>Planned "
        "maintenance</h1><table><tr><th>Date<th>System<th>Duration<tr><td>3 "
        "May<td>Mail<td>2 h<tr><td>9 May<td>Wiki<td>1 h</table>",
    ),
    "pool": page(
        "Pool",
        "<h1>Under maintenance</h1><p>The pool is drained and cleaned from 3 to "
        "9 May. The sauna stays open from 10 to 21.</p>",
    ),
    "we are under maintenance gym": page(
        "Gym",
        "<h1>We're under maintenance</h1><p>The gym at Mill Street is rebuilt "
        "until June. Members train at Park Road, Mon-Sun 6-23.</p>",
    ),
    "restaurant closed": page(
        "Trattoria",
        "<h1>Trattoria</h1><h2>The restaurant is temporarily closed</h2><p>We "
        "reopen on 1 June. Reservations: 555-1234.</p>",
    ),
    "town notice2": page(
        "Scheduled maintenance | Library",
        "<h1>Scheduled maintenance</h1><p>The online catalogue will be "
        "unavailable on Sunday 5 May from 6 am to noon. The library itself is "
        "open as usual.</p>",
    ),
    "hosting wiki": page(
        "503",
        "<h1>503 Service Unavailable</h1><p>The status 503 says that the server "
        "cannot answer for the moment. It was added to HTTP in 1996.</p>",
    ),
    "http status": page(
        "HTTP 403 Forbidden - reference",
        "<h1>403 Forbidden</h1><p>The server understood the request and refuses "
        "to authorize it. See RFC 9110, section 15.5.4.</p><p>Unlike 401, "
        "logging in makes no difference.</p>",
    ),
    "captcha product": page(
        "hCaptcha alternative",
        "<h1>Are you a robot?</h1><p>Our product asks it for you, without "
        "puzzles. Trusted by 900 sites.</p><a href=/signup>Start</a>",
    ),
    "banner+short": page(
        "Anna's piano lessons",
        "<div class=cookie><h2>We use cookies</h2><button>Accept "
        "all</button></div><h1>Piano lessons</h1><p>In Bern, for children and "
        "adults. Write to anna@x.example.</p>",
    ),
    "band": page(
        "Access Denied",
        "<h1>Access Denied</h1><p>New album out now. Tour: Berlin, Paris, Rome.</p>",
    ),
    "rfc": page(
        "Too many requests",
        "<h1>Too many requests for tickets</h1><p>All 500 seats were taken in ten minutes.</p>",
    ),
    "hotel closed": page(
        "Hotel Alpina",
        "<h1>Hotel Alpina</h1><p>We are closed for the season and will be back "
        "soon. From 15 December we welcome you again. Reservations: "
        "info@alpina.example</p>",
    ),
    "status cz": page(
        "Stav",
        "<h1>Probíhá údržba</h1><p>Výtah v domě 5 stojí do pátku.</p>",
    ),
    "road": page(
        "Wegwerkzaamheden",
        "<h1>In onderhoud</h1><p>De brug is dicht tot 5 mei.</p>",
    ),
    "maintenance contracts": page(
        "Maintenance",
        "<h1>Website maintenance</h1><p>We look after your website: updates, "
        "backups, monitoring. Ask us for an offer.</p>",
    ),
    "maint service 2": page(
        "Site maintenance",
        "<h1>Site maintenance</h1><p>Lawn care, snow removal and repairs for "
        "your site. Call 555-0101 for a quote.</p>",
    ),
    "closing": page(
        "Farewell",
        "<h1>This site is closed</h1><p>After twenty years we say goodbye. Thank "
        "you for all your letters. The archive remains at the city library.</p>",
    ),
}
"""Short pages in the words of a wall, about something else."""

CLOSED = {
    "back soon": page(
        "Shop",
        "<h1>We'll be back soon!</h1><p>Sorry for the inconvenience. We're "
        "performing some maintenance at the moment. If you need to, you can "
        "always contact us, otherwise we'll be back online shortly!</p><p>The "
        "Team</p>",
    ),
    "sched2": page(
        "Site maintenance",
        "<h1>Scheduled maintenance</h1><p>We're upgrading our servers. Please "
        "try again in an hour.</p>",
    ),
    "down for": page(
        "Down for maintenance",
        "<h1>Down for maintenance</h1><p>Back by 14:00 UTC</p>",
    ),
    "shop closed for update": page(
        "Shop",
        "<h1>The shop is temporarily unavailable</h1><p>We are updating our "
        "catalogue. Please come back later.</p>",
    ),
    "prestashop fr": page(
        "Boutique",
        "<h1>Nous reviendrons bientôt</h1><p>Nous mettons à jour notre boutique "
        "et serons de retour très bientôt. Merci de votre patience.</p>",
    ),
    "prestashop es": page(
        "Tienda",
        "<h1>Volveremos enseguida.</h1><p>Estamos actualizando la tienda. "
        "Gracias por su paciencia.</p>",
    ),
    "mediawiki": page(
        "Wiki",
        "<h1>Sorry! This site is experiencing technical difficulties.</h1><p>Try "
        "waiting a few minutes and reloading.</p>",
    ),
    "hours of support": page(
        "Bank",
        "<h1>We'll be back soon</h1><p>Online banking is being updated. You can "
        "call us Mon-Fri 8-20 on 0800 123.</p>",
    ),
    "wir2": page(
        "Wartung",
        "<h1>Wir sind gleich wieder da!</h1><p>Unsere Seite wird gerade aktualisiert.</p>",
    ),
    "ru2": page(
        "Сайт",
        "<h1>Технические работы</h1><p>Сайт временно недоступен. Зайдите позже.</p>",
    ),
    "pl": page(
        "Przerwa techniczna",
        "<h1>Przerwa techniczna</h1><p>Trwają prace nad sklepem. Wrócimy za kilka minut.</p>",
    ),
    "zh2": page(
        "系统维护",
        "<h1>网站升级维护中</h1><p>给您带来不便敬请谅解。</p>",
    ),
    "ko": page(
        "점검",
        "<h1>시스템 점검 중입니다</h1><p>점검 시간: 02:00 ~ 06:00</p>",
    ),
    "pt": page(
        "Manutenção",
        "<h1>Estamos em manutenção</h1><p>Voltamos em breve!</p>",
    ),
    "nl2": page(
        "Shop",
        "<h1>Even geduld</h1><p>Onze website is tijdelijk niet bereikbaar wegens onderhoud.</p>",
    ),
    "upgrade": page(
        "We're upgrading",
        "<h1>We're making some improvements</h1><p>Our website is currently down "
        "while we upgrade. Please check back later.</p>",
    ),
    "waiting_fr": page(
        "Boutique",
        "<h1>À bientôt</h1><p>Nous mettons à jour notre site. Merci d'attendre.</p>",
    ),
    "waiting_es": page(
        "Tienda",
        "<h1>Volvemos pronto</h1><p>Estamos renovando nuestra web. Gracias por esperar.</p>",
    ),
    "waiting_it": page(
        "Negozio",
        "<h1>A presto</h1><p>Stiamo aggiornando il nostro sito. Grazie per l'attesa.</p>",
    ),
    "waiting_pt": page(
        "Loja",
        "<h1>Voltamos já</h1><p>Estamos atualizando nosso site. Obrigado por aguardar.</p>",
    ),
    "waiting": page(
        "House",
        "<h1>Back soon</h1><p>We are updating our shop. Thanks for waiting.</p>",
    ),
    "tech": page(
        "Error",
        "<h1>We are experiencing technical difficulties</h1><p>Our engineers are "
        "working on it. Please try again later.</p>",
    ),
    "highload": page(
        "Busy",
        "<h1>We're experiencing high traffic</h1><p>You are in the queue. Do not "
        "refresh this page.</p>",
    ),
    "cf2": page(
        "Attention Required! | Cloudflare",
        "<h1>Sorry, you have been blocked</h1><h2>You are unable to access "
        "x.example</h2><h2>Why have I been blocked?</h2><p>This website is using "
        "a security service to protect itself from online attacks.</p><h2>What "
        "can I do to resolve this?</h2><p>You can email the site owner. "
        "Cloudflare Ray ID: 8a1b2c3d4e5f</p>",
    ),
    "wp private": page(
        "Log In ‹ x — WordPress",
        "<form name=loginform><label>Username or Email Address <input "
        "name=log></label><label>Password <input type=password "
        "name=pwd></label><input type=submit value='Log In'></form><a "
        "href=/lost>Lost your password?</a>",
    ),
    "shopify pw": page(
        "Opening soon",
        "<h1>Enter store using password</h1><form action=/password><input "
        "type=password><button>Enter</button></form>",
    ),
    "age gate": page(
        "Age",
        "<h1>Are you over 18?</h1><p>You must be 18 to enter this "
        "site.</p><button>Yes, enter</button><button>No</button>",
    ),
    "ja captcha": page(
        "アクセス確認",
        "<h1>アクセスが制限されています</h1><p>画像に表示されている文字を入力してください</p>"
        "<form><input name=c><button>送信</button></form>",
    ),
    "maint hu": page(
        "Karbantartás",
        "<h1>Az oldal karbantartás alatt</h1><p>Türelmét kérjük.</p>",
    ),
    "maint gr": page(
        "Συντήρηση",
        "<h1>Ο ιστότοπος είναι υπό συντήρηση</h1><p>Θα επιστρέψουμε σύντομα.</p>",
    ),
    "maint da": page(
        "Vedligeholdelse",
        "<h1>Vi er straks tilbage</h1><p>Vi opdaterer vores hjemmeside.</p>",
    ),
    "gov": page(
        "Sorry, the service is unavailable",
        "<h1>Sorry, the service is unavailable</h1><p>You will be able to use "
        "the service from 9am on Monday 19 November.</p>",
    ),
    "gov2": page(
        "Sorry, there is a problem with the service",
        "<h1>Sorry, there is a problem with the service</h1><p>Try again later.</p>",
    ),
    "de1": page(
        "Fehler",
        "<h1>Diese Seite ist vorübergehend nicht erreichbar</h1><p>Bitte "
        "versuchen Sie es in einigen Minuten erneut.</p>",
    ),
}
"""Walls beside which the pages above would be mistaken."""


@pytest.mark.parametrize("html", NOTICES.values(), ids=list(NOTICES))
def test_a_short_notice_is_no_wall(html: str) -> None:
    assert wall_of(html, URL) is None


@pytest.mark.parametrize("html", CLOSED.values(), ids=list(CLOSED))
def test_a_wall_of_many_systems_is_recognised(html: str) -> None:
    assert wall_of(html, URL) is not None


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("login?next=/", "login"),
        ("help/captcha", "characters"),
        ("cookies", "before"),
        ("status", "maintenance"),
        ("errors/403", "denied"),
    ],
)
def test_a_page_whose_address_says_what_it_is_was_asked_for(path: str, name: str) -> None:
    assert wall_of(WALLS[name][1], f"https://shop.example/{path}") is None


def test_a_page_of_any_length_is_judged_quickly() -> None:
    assert wall_of(page("Robot check", "<p>are you a robot " * 200_000), URL) is None


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE html SYSTEM "about:legacy-compat">',
        "<!doctype html SYSTEM 'a'>",
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/x.dtd">',
        "<!DOCTYPE html SYSTEM",
        "<?xml version='1.0'?><!DOCTYPE html SYSTEM 'about:legacy-compat'>",
    ],
)
def test_a_page_of_any_document_type_is_judged(doctype: str) -> None:
    assert wall_of(f"{doctype}{LONG_PAGE}", URL) is None
    name, (kind, html) = next(iter(WALLS.items()))
    found = wall_of(html.replace("<!doctype html>", doctype if doctype.endswith(">") else ""), URL)
    assert found is not None, name
    assert found.kind is kind


@given(st.lists(st.sampled_from(["<!DOCTYPE", " SYSTEM", "'", ">", "<p>", "<html", "a", "<"])))
@example(["<!DOCTYPE", ">", "<!DOCTYPE", "<!DOCTYPE", " SYSTEM"])
def test_any_text_is_judged(pieces: list[str]) -> None:
    wall_of("".join(pieces), URL)
