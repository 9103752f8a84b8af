"""How mails reach a mail server: by TLS, with a login, and whom it refuses."""

import ssl
from pathlib import Path
from uuid import uuid4

import pytest

from activities.notifications.email import Mailer, SmtpServer
from activities.notifications.outgoing import Outgoing
from core.alerts.attempts import Attempt, Result
from core.alerts.messages import of_test
from core.settings import Settings, SmtpTls
from store.db.engine import Database
from store.secretkey import SecretKey
from store.tables.alerts import Channel, ChannelKind
from tests.certificates import Authority
from tests.mailbox import Mailbox
from tests.store.rows import NOON

# The server of the test does not see the TLS that a connection begins with.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")

ONE, TWO = "one@shop.example", "two@shop.example"
LOGIN = ("diffy", "of the mail server")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a worker that sends mail, but for the server."""
    return Settings(data_dir=tmp_path, smtp_host="127.0.0.1", smtp_from="diffy@shop.example")


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """TLS of a mail server whose authority this machine knows."""
    authority = Authority.new(tmp_path / "authority")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("mail"))
    return context


async def sent(
    database: Database,
    settings: Settings,
    mailbox: Mailbox,
    tls: SmtpTls,
    *,
    login: tuple[str, str] | None = None,
    to: tuple[str, ...] = (ONE,),
) -> Attempt:
    """How a message to these addresses ended."""
    name, password = login or (None, None)
    chosen = settings.model_copy(
        update={
            "smtp_port": mailbox.port,
            "smtp_tls": tls,
            "smtp_username": name,
            "smtp_password": password,
        }
    )
    mailer = Mailer(database, SmtpServer.of(chosen), SecretKey(chosen), "https://diffy.example")
    channel = Channel(id=uuid4(), kind=ChannelKind.EMAIL, target={"to": list(to)})
    return await mailer.send(channel, Outgoing(of_test(uuid4(), channel.id, NOON), [uuid4()]))


@pytest.mark.parametrize("how", [SmtpTls.TLS, SmtpTls.STARTTLS])
async def test_a_mail_goes_over_tls_after_a_login(
    database: Database, settings: Settings, tls: ssl.SSLContext, how: SmtpTls
) -> None:
    async with Mailbox(tls, starttls=how is SmtpTls.STARTTLS, login=LOGIN) as mailbox:
        attempt = await sent(database, settings, mailbox, how, login=LOGIN)
        assert (attempt.result, attempt.told) == (Result.DELIVERED, (ONE,)), attempt.answer
        assert [mail["To"] for mail in mailbox.mails] == [ONE]
        for wrong in (None, ("diffy", "guessed")):
            attempt = await sent(database, settings, mailbox, how, login=wrong)
            assert (attempt.result, attempt.told) == (Result.FAILED, ())
            assert attempt.answer.startswith("53"), attempt.answer
        assert len(mailbox.mails) == 1


@pytest.mark.parametrize("how", [SmtpTls.TLS, SmtpTls.STARTTLS])
async def test_a_server_that_nobody_vouches_for_gets_no_mail_and_no_password(
    database: Database,
    settings: Settings,
    tls: ssl.SSLContext,
    how: SmtpTls,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    async with Mailbox(tls, starttls=how is SmtpTls.STARTTLS, login=LOGIN) as mailbox:
        attempt = await sent(database, settings, mailbox, how, login=LOGIN)
        assert attempt.result is Result.FAILED
        assert mailbox.mails == []


async def test_a_server_without_tls_gets_no_mail_where_it_is_asked_for(
    database: Database, settings: Settings
) -> None:
    async with Mailbox() as mailbox:
        attempt = await sent(database, settings, mailbox, SmtpTls.STARTTLS)
        assert (attempt.result, mailbox.mails) == (Result.FAILED, [])


@pytest.mark.parametrize(
    ("refused", "result", "told", "answer"),
    [
        ({TWO: "550 No such user"}, Result.DELIVERED, (ONE,), " (1 of 2 recipients refused)"),
        (
            {TWO: "450 Later"},
            Result.FAILED,
            (ONE,),
            "450 Later (1 of 2 recipients refused)",
        ),
        ({ONE: "550 No such user", TWO: "450 Later"}, Result.FAILED, (), "450 Later"),
        ({ONE: "550 No", TWO: "550 No such user"}, Result.FAILED, (), "550 No such user"),
    ],
    ids=["one for good", "one for now", "both, one for good", "both for good"],
)
async def test_who_is_refused(
    database: Database,
    settings: Settings,
    refused: dict[str, str],
    result: Result,
    told: tuple[str, ...],
    answer: str,
) -> None:
    async with Mailbox() as mailbox:
        mailbox.refused = refused
        attempt = await sent(database, settings, mailbox, SmtpTls.NONE, to=(ONE, TWO))
    assert (attempt.result, attempt.told) == (result, told)
    assert attempt.answer.endswith(answer)
    assert [mail["To"] for mail in mailbox.mails] == list(told)


async def test_a_certificate_that_has_expired_is_told_and_the_mail_tried_again(
    database: Database, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority.new(tmp_path / "theirs")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("mail", expired=True))
    for how in (SmtpTls.TLS, SmtpTls.STARTTLS):
        async with Mailbox(context, starttls=how is SmtpTls.STARTTLS) as mailbox:
            attempt = await sent(database, settings, mailbox, how)
        assert attempt.result is Result.FAILED
        assert "certificate has expired" in attempt.answer
