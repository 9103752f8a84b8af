"""Realistic pages, as data: what a site says, and what it shows around it."""

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Plan:
    """A price card."""

    name: str
    price: str
    period: str
    features: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table with a header row."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """A heading with paragraphs, then list items."""

    heading: str
    paragraphs: tuple[str, ...]
    items: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """What a page says."""

    name: str
    url: str
    title: str
    heading: str
    plans: tuple[Plan, ...] = ()
    table: Table | None = None
    sections: tuple[Section, ...] = ()


@dataclass(frozen=True)
class Around:
    """What a page shows that is not what it says; each crawl may meet other values."""

    updated: str = "May 3, 2026"
    ago: str = "2 hours ago"
    clock: str = "2026-05-03 10:12:44 UTC"
    year: str = "2026"
    token: str = "9f86d081884c7d659a2feaa0c55ad015"
    session: str = "sid-4f3c2a19be77"
    views: str = "1,204"
    online: str = "18"
    cart: str = "0"
    testimonial: int = 0
    advert: int = 0
    variant: str = "a"
    consent: bool = False
    attributes_reversed: bool = False
    menu: tuple[str, ...] = ("Home", "Pricing", "Docs", "Blog")
    footer: tuple[str, ...] = ("About", "Careers", "Status")
    modal: str = "Wait! Before you go, subscribe to our letter."
    build: str = "rendered in 0.132 s"


QUIET = Around()

TESTIMONIALS = (
    ("It halved the time we spend on reports.", "Ana Reyes, Northwind"),
    ("Support answered within the hour, on a Sunday.", "Tom Okafor, Litware"),
    ("We moved forty people over in one afternoon.", "Mei Lin, Fabrikam"),
    ("Nothing else came close in our trial.", "Lars Holm, Contoso"),
)
ADVERTS = (
    "Cloud servers from $4 a month. Try Skyhost today.",
    "Learn Rust in 30 days: now $19.",
    "Hire vetted engineers at TalentPool.",
)


def _plan(name: str, price: str, *features: str, period: str = "/month") -> Plan:
    return Plan(name, price, period, features)


SAAS = Page(
    "saas",
    "https://acme.example/pricing",
    "Pricing | Acme",
    "Simple pricing for every team",
    plans=(
        _plan("Starter", "$19", "3 projects", "Community support", "1 GB storage"),
        _plan("Pro", "$99", "Unlimited projects", "Email support", "100 GB storage", "API access"),
        _plan("Business", "$249", "All of Pro", "Single sign-on", "Audit log", "1 TB storage"),
    ),
    sections=(
        Section(
            "Frequently asked questions",
            (
                "You can cancel at any time; we refund the days that are left.",
                "Prices do not include sales tax where it applies.",
            ),
        ),
    ),
)
EURO = Page(
    "euro",
    "https://host.example/preise",
    "Preise – Hostwerk",
    "Webhosting ohne Überraschungen",
    plans=(
        _plan("Basis", "4,99 €", "10 GB Speicher", "1 Domain inklusive", period="pro Monat"),
        _plan(
            "Profi",
            "1.299,00 €",
            "Eigener Server",
            "Telefonischer Support",
            "Tägliche Sicherung",
            period="pro Jahr",
        ),
    ),
    sections=(
        Section(
            "Gut zu wissen",
            ("Alle Preise enthalten die gesetzliche Mehrwertsteuer.",),
            ("Rechenzentren in Frankfurt", "Umzug durch unser Team"),
        ),
    ),
)
MATRIX = Page(
    "matrix",
    "https://desk.example/plans",
    "Plans and prices - Desk",
    "Compare plans",
    table=Table(
        ("Feature", "Free", "Team", "Enterprise"),
        (
            ("Price per seat", "$0", "$12", "$45"),
            ("Agents", "2", "25", "Unlimited"),
            ("Ticket history", "30 days", "2 years", "Unlimited"),
            ("Phone support", "No", "No", "Yes"),
            ("Custom domain", "No", "Yes", "Yes"),
            ("Service level agreement", "—", "99.5 %", "99.9 %"),
        ),
    ),
    sections=(Section("Volume discounts", ("Teams of more than 100 seats pay 10 % less.",)),),
)
PRODUCT = Page(
    "product",
    "https://shop.example/products/kettle-900",
    "Kettle 900 | Shop",
    "Kettle 900",
    plans=(
        Plan(
            "Kettle 900",
            "CHF 1’249.50",
            "",
            ("Holds 1.7 litres", "Boils in 3 minutes", "Two-year warranty"),
        ),
    ),
    table=Table(
        ("Property", "Value"),
        (
            ("Weight", "1.2 kg"),
            ("Power", "2200 W"),
            ("Colour", "Brushed steel"),
            ("Item number", "K-900-CH"),
        ),
    ),
    sections=(
        Section(
            "Description",
            (
                "A kettle with a thermometer in its lid, for tea that wants no boiling water.",
                "The base turns all the way round, and the cable winds up below it.",
            ),
        ),
    ),
)
TERMS = Page(
    "terms",
    "https://acme.example/legal/terms",
    "Terms of Service | Acme",
    "Terms of Service",
    sections=(
        Section(
            "1. Your account",
            (
                "You must be at least 16 years old to open an account.",
                "You are responsible for what is done with your password.",
            ),
        ),
        Section(
            "2. Payment",
            (
                "Fees are charged in advance, and late payments bear interest of 1 % a month.",
                "We may change fees with notice of 30 days.",
            ),
        ),
        Section(
            "3. Liability",
            (
                "Our liability is limited to the fees paid in the twelve months before the claim.",
                "Nothing in these terms excludes liability for intent.",
            ),
            ("Death or injury", "Fraud"),
        ),
        Section("4. Governing law", ("These terms are governed by the laws of Ireland.",)),
    ),
)
PRIVACY = Page(
    "privacy",
    "https://shop.example/privacy-policy",
    "Privacy Policy",
    "Privacy Policy",
    sections=(
        Section(
            "What we collect",
            ("We collect what you give us, and nothing else.",),
            ("Name and address", "Orders and returns", "Messages to our support"),
        ),
        Section(
            "How long we keep it",
            (
                "Orders are kept for ten years, as tax law asks.",
                "Messages are deleted after 90 days.",
            ),
        ),
        Section("Your rights", ("You may ask for a copy of your data at any time.",)),
    ),
)
FEATURES = Page(
    "features",
    "https://desk.example/features",
    "Features - Desk",
    "Everything a help desk needs",
    sections=(
        Section(
            "Inbox",
            ("All channels arrive in one shared inbox.",),
            ("Email", "Live chat", "Voice calls", "Social messages"),
        ),
        Section(
            "Automation",
            ("Rules move tickets before anyone reads them.",),
            ("Triggers", "Canned replies", "Satisfaction surveys"),
        ),
        Section(
            "Security",
            ("Your data stays in the region you choose.",),
            ("Two-factor sign-in", "Encryption at rest"),
        ),
    ),
)
DOCS = Page(
    "docs",
    "https://docs.example/guide/install",
    "Installing — Tool 4 documentation",
    "Installing",
    sections=(
        Section(
            "Requirements",
            ("Tool needs Python 3.11 or newer and 200 MB of disk.",),
            ("A C compiler", "OpenSSL 3"),
        ),
        Section(
            "From a package",
            (
                "Run the installer, then open a new shell so that it is found.",
                "On servers without a display use the text mode.",
            ),
        ),
        Section(
            "Troubleshooting", ("If the command is not found, see whether its folder is in PATH.",)
        ),
    ),
    table=Table(
        ("System", "Supported until"),
        (("Debian 12", "June 2028"), ("Debian 13", "June 2030"), ("Ubuntu 24.04", "April 2029")),
    ),
)
NEWS = Page(
    "news",
    "https://acme.example/blog/opening-lisbon",
    "Acme opens an office in Lisbon",
    "Acme opens an office in Lisbon",
    sections=(
        Section(
            "Why Lisbon",
            (
                "Half of our customers in the south asked for people nearby.",
                "The office opens with twelve people and room for sixty.",
            ),
        ),
        Section(
            "Who is hiring",
            ("Design and support look for colleagues first.",),
            ("Support engineer", "Product designer", "Office manager"),
        ),
    ),
)

PAGES = (SAAS, EURO, MATRIX, PRODUCT, TERMS, PRIVACY, FEATURES, DOCS, NEWS)


@dataclass(frozen=True)
class Visit:
    """A page as one crawl meets it."""

    page: Page
    around: Around = field(default_factory=Around)

    def with_page(self, page: Page) -> "Visit":
        """The same surroundings, another content."""
        return replace(self, page=page)
