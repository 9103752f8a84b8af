"""What an amount of money is by the words beside it: the price, a former one, or a saving; and
whether it is the price of something else than one piece.

The words are those of shops in many languages. Which amounts hold on a page is decided by
`core.changes.prices`.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Final

from core.changes.money import Money


class Role(StrEnum):
    """What an amount is."""

    PRICE = "price"
    FORMER = "former"  # what the price was, or what others ask
    SAVING = "saving"  # what is taken off the price


_FORMER_WORDS: Final = (
    r"was|were|before|previously|formerly|originally|old price|list price|instead of"
    r"|reg(?:ular)?\.?(?: price)?|rrp|msrp|m\.?r\.?p\.?|uvp|statt|bisher|vorher|zuvor|avant"
    r"|au lieu de"
    r"|antes|en lugar de|en vez de|prima|anziché|invece di|zamiast|było|van|voorheen"
    r"|tidigare(?: pris)?"
    r"|förut|før|førpris|ord\.?(?: pris)?|normalpris|původně|eredeti(?: ár)?|régi ár|вместо|было"
    r"|раньше"
    r"|замість|було|önceki(?: fiyat)?|eski fiyat|liste fiyatı"
    r"|ancien prix|prix (?:conseillé|barré|d'origine|initial)|precio (?:anterior|normal|original"
    r"|de lista)|pvpr|preço (?:antigo|anterior|normal|original)|prezzo (?:consigliato|originale"
    r"|precedente|di listino)|adviesprijs|oude prijs|normale prijs|alter preis|normalpreis"
    r"|listenpreis"
    r"|originalpreis|stattpreis|cena (?:regularna|katalogowa|poprzednia|pierwotna)|(?:poprzednia"
    r"|stara|regularna|redovna|původní|pôvodná|běžná|bežná) cena|(?:redovna|stara) cijena|norm\."
    r"|ovh"
    r"|veil\.|preț (?:vechi|inițial|întreg)|prp|(?:старая|обычная|прежняя) цена|(?:стара"
    r"|звичайна) ціна"
    r"|цена без скидки|стара цена|αρχική τιμή|αντί|giá (?:gốc|cũ|niêm yết)|harga (?:normal|asli"
    r"|coret)"
    r"|بدل(?:ا|اً|ًا) من|كان|السعر (?:السابق|قبل|الأصلي)|قیمت قبل(?:ی)?|במקום|מחיר (?:קודם|רגיל)"
    r"|היה"
)
_LOWEST_PRICE: Final = (
    r"lowest price .{0,20}30 days|30[- ]day low(?:est price)?"
    r"|niedrigster .{0,10}preis .{0,20}30 tagen?"
    r"|prix le plus bas .{0,25}30 (?:derniers )?jours|precio (?:más bajo|mínimo).{0,30}30 días"
    r"|prezzo più basso .{0,25}30 giorni|preço mais baixo .{0,25}30 dias"
    r"|laagste prijs .{0,25}30 dagen"
    r"|najniższa cena.{0,45}|nejnižší cena.{0,45}|najnižšia cena.{0,45}|lägsta pris.{0,25}30 dag\w*"
    r"|laveste pris.{0,25}30 dag\w*|alin hinta.{0,25}30 p\w*|legalacsonyabb ár.{0,25}30 nap\w*"
    r"|cel mai mic preț.{0,25}30 (?:de )?zile|най-ниска цена.{0,25}30 дни"
    r"|χαμηλότερη τιμή.{0,25}30 \w+"
)
"""What shops in the European Union state beside a price that they have reduced (98/6/EC, 6a)."""

_FORMER: Final = re.compile(
    rf"(?:\b(?:{_FORMER_WORDS}|{_LOWEST_PRICE})|原价|原價|定価|定價|市场价|市場價|吊牌价|划线价|参考価格"
    r"|通常価格|希望小売価格|旧価格|정가|정상가|소비자가|원래 ?가격|원가"
    r"|ราคาปกติ|ราคาเต็ม|จากราคา)\s*[:：]?\s*\(?$",
    re.IGNORECASE,
)
"""Words before an amount that was the price earlier."""

_NOW_WORDS: Final = (
    r"now(?: only| just)?|only|just|sale(?: price)?|special price|our price|deal price|offer price"
    r"|jetzt(?: nur)?|nur(?: noch)?|aktionspreis|angebotspreis|sonderpreis|maintenant|désormais"
    r"|(?:prix )?promo|prix réduit|ahora|oferta|precio (?:oferta|especial)|agora|por(?: apenas)?"
    r"|preço promocional|ora|adesso|prezzo scontato|voor|nu|nå|nyt|teraz|cena promocyjna|nyní|teď"
    r"|akční cena|akciová cena|acum|preț (?:redus|special)|most|akciós ár|сейчас|теперь"
    r"|цена со скидкой"
    r"|зараз|şimdi|indirimli fiyat|τώρα|giá (?:khuyến mãi|bán)|kini|sekarang|jadi|الآن|עכשיו"
)
_NOW_SIGNS: Final = (
    r"现价|現價|特价|特價|售价|售價|促销价|到手价|セール価格|特別価格|特価|販売価格|할인가|판매가|특가|세일가"
    r"|ราคาพิเศษ|ลดเหลือ|เหลือ"
)
NOW: Final = rf"(?:{_NOW_WORDS}|{_NOW_SIGNS})"
"""Words before the amount that holds, as a pattern that ignores case."""

_PERCENT: Final = (
    r"\(?\s*[-−–]?\s?\d{1,2}(?:[.,]\d)?\s?%(?:\s?(?:off|rabatt|korting|de réduction))?\s*\)?"
)
_BETWEEN: Final = re.compile(
    rf"[\s,;/|·–—-]*(?:{_PERCENT})?[\s,;/|·–—-]*"
    rf"(?:{NOW}|to|auf|à|a|na|till|til|до|за|降至|から)?\s*[:：]?\s*",
    re.IGNORECASE,
)
"""What is between a price that fell and the one that holds."""

_ARROW: Final = re.compile(rf"\s*(?:[→➔➜➝➞⇒⟶»►▶>]|[-=]+>)+\s*(?:{NOW})?\s*[:：]?\s*", re.IGNORECASE)

_SAVING_BEFORE: Final = re.compile(
    r"(?:\b(?:save|saves|saved|savings?|spare|sparen|sparst|ersparnis|économisez|économie"
    r"|ahorras?|ahorro"
    r"|ahorre|economize|economiza|poupe|poupa|risparmi|risparmia|bespaar|bespaart|oszczędzasz"
    r"|oszczędź"
    r"|ušetříte|ušetrite|spara|sparer|säästä|säästät|megtakarítás|economisești|economisiți|экономия"
    r"|выгода|скидка|знижка|tasarruf|coupon|voucher|discount|rabatt|rabat|remise|réduction|sconto"
    r"|descuento|desconto|korting|sleva|zľava|gutschein|minus|cashback)"
    r"|立省|节省|節省|省|优惠|優惠|立减|立減|直降|割引|お得|절약|할인)"
    r"\s*[:：]?\s*(?:up to|bis zu|jusqu'à|hasta|até|fino a|tot|do|до|von|de|of)?\s*[-−]?\s*$"
    r"|(?:^|[(\[%])\s*[-−]$",
    re.IGNORECASE,
)
_SAVING_AFTER: Final = re.compile(
    r"\s*(?:(?:off|coupon|voucher|discount|savings?|cashback|rabatt|gutschein|ersparnis|gespart"
    r"|günstiger"
    r"|d'économie|de (?:réduction|remise|rabais|descuento|desconto|ahorro)|dto|di sconto|korting"
    r"|taniej"
    r"|rabatu|zniżki|slev[ay]|levnější|скидк\w+|знижк\w+|indirim\w*)\b(?!\s*(?:price|preis))"
    r"|割引|オフ|引き|할인|优惠|優惠|折扣)",
    re.IGNORECASE,
)

_PIECES_BEFORE: Final = re.compile(
    r"(?<![\w.,])(?P<count>\d{1,3})\s*(?:(?:for|für|voor|pour|por|per|za|за|για|för)\s*(?:only"
    r"|just|nur)?"
    r"|[x×х]\s*(?:de|of|à|a|zu|von|od|po|по|da)?|/)\s*$",
    re.IGNORECASE,
)
_INSTALMENT_BEFORE: Final = re.compile(
    r"(?:payments?|instal?lments?|raten|rate|cuotas|parcelas|mensualités|mensualidades|termijnen"
    r"|taksit"
    r"|платеж\w+|платежа|рат|rat|splátek)\s*(?:of|de|à|zu je|zu|von|da|van|po|по|x)?\s*$",
    re.IGNORECASE,
)
_MEASURE_AFTER: Final = re.compile(
    r"\s*(?:[/／]|\b(?:per|pro|je|par|por|za|al|за)\b)\s*(?P<measure>(?:\d+(?:[.,]\d+)?\s*)?"
    r"(?:mg|gr?|kg|ml|cl|dl|l|lt|ltr|lit(?:re|er|ro)s?|(?:fl\.? ?)?oz|lbs?|m[²2]|sqm|sq\.? ?ft"
    r"|кг|г|л|мл|шт"
    r"|st(?:k|ück)|szt|unit|unité|unidad|pcs?))\b",
    re.IGNORECASE,
)

_SAVING_LINE: Final = re.compile(
    rf"(?:[^\d%]{{0,20}}{_PERCENT}[^\d]{{0,20}}|sale!?|angebot!?|aktion!?|oferta!?|promo(?:tion)?!?"
    r"|offre|saldi|sconto|rea|tilbud|tarjous|akcja|promocja|akce|акция|скидка|indirim|セール|特价|세일)",
    re.IGNORECASE,
)
_PERCENTAGE: Final = re.compile(r"(\d{1,2}(?:[.,]\d)?)\s?%")

MAX_WORDS_BEFORE: Final = 100
"""Number of characters before an amount that can say what it is."""

MIN_LEFT: Final = 0.2
"""The share of a price that is left after a sale, at least: a far lower amount is another one."""


def is_called_former(words: str) -> bool:
    """Whether the words before an amount say that it was the price earlier."""
    return _FORMER.search(words[-MAX_WORDS_BEFORE:]) is not None


def without_former_words(words: str) -> str:
    """The words before an amount without those that say that it was the price earlier."""
    return _FORMER.sub("", words)


def role_of(text: str, amounts: Sequence[Money], n: int) -> Role:
    """What the `n`th of the `amounts` in `text` is."""
    money = amounts[n]
    before = text[max(money.start - MAX_WORDS_BEFORE, 0) : money.start]
    after = text[money.end : money.end + MAX_WORDS_BEFORE]
    if _SAVING_BEFORE.search(before) or _SAVING_AFTER.match(after):
        return Role.SAVING
    if _FORMER.search(before):
        return Role.FORMER
    if n + 1 < len(amounts):
        following = amounts[n + 1]
        between = text[money.end : following.start]
        if following.currency != money.currency or len(between) > MAX_WORDS_BEFORE:
            return Role.PRICE
        if _ARROW.fullmatch(between):
            return Role.FORMER
        falls = MIN_LEFT * float(money.amount) <= following.amount < money.amount
        if falls and any(map(str.isalnum, between)) and _BETWEEN.fullmatch(between):
            return Role.FORMER
    return Role.PRICE


def with_share(text: str, money: Money) -> Money:
    """The amount with what it pays if not the whole: several pieces, an instalment, a measure."""
    before = text[max(money.start - MAX_WORDS_BEFORE, 0) : money.start]
    if (pieces := _PIECES_BEFORE.search(before)) is not None:
        return replace(money, share=pieces["count"])
    if _INSTALMENT_BEFORE.search(before):
        return replace(money, share="instalment")
    if (each := _MEASURE_AFTER.match(text, money.end)) is not None:
        return replace(money, share="".join(each["measure"].split()).lower())
    return money


def is_saving(line: str) -> bool:
    """Whether a line of text says nothing but how far a price fell: `-23%`, `Now 23% off`."""
    return len(line) <= MAX_WORDS_BEFORE and _SAVING_LINE.fullmatch(line.strip()) is not None


def is_fall(line: str, high: Money, low: Money) -> bool:
    """Whether the fall from one amount to the other is the percentage in the line."""
    found = _PERCENTAGE.search(line)
    if found is None or not 0 < low.amount < high.amount:
        return False
    stated = float(found[1].replace(",", "."))
    return abs(100 * (1 - float(low.amount / high.amount)) - stated) <= 1
