"""Detection of empty shells, as opposed to short pages."""

import pytest

from core.text.javascript_shell import EmptyShell, Readable, ShellSign, shell_of

SCRIPT = '<script type="module" crossorigin src="/assets/index-3f2a.js"></script>'
LONG = "Words of a page. " * 20

SHELLS = {
    "react, create-react-app": (
        "<!doctype html><html lang=en><head><meta charset=utf-8><title>React App</title>"
        '<script defer src="/static/js/main.9d0c.js"></script></head><body><noscript>You need to '
        'enable JavaScript to run this app.</noscript><div id="root"></div></body></html>',
        ShellSign.EMPTY_MOUNT,
    ),
    "react, vite": (f'<title>Vite</title>{SCRIPT}<div id="root"></div>', ShellSign.EMPTY_MOUNT),
    "vue": (
        "<title>app</title><noscript><strong>We're sorry but app doesn't work properly without "
        "JavaScript enabled.</strong></noscript><div id=app></div><script src=/js/app.js></script>",
        ShellSign.EMPTY_MOUNT,
    ),
    "vue, with a spinner": (
        f'<div id="app"><div class="loading"><p>Loading…</p></div></div>{SCRIPT}',
        ShellSign.EMPTY_MOUNT,
    ),
    "angular": (
        '<base href="/"><body class="mat-typography"><app-root></app-root>'
        '<script src="polyfills.js" type="module"></script>',
        ShellSign.EMPTY_MOUNT,
    ),
    "next, rendered by the client": (
        '<div id="__next"></div><script id="__NEXT_DATA__" type="application/json">{"props":{}}'
        '</script><script src="/_next/static/chunks/main.js" async></script>',
        ShellSign.EMPTY_MOUNT,
    ),
    "nuxt": ('<div id="__nuxt"></div><script src=/_nuxt/e.js></script>', ShellSign.EMPTY_MOUNT),
    "sveltekit": (
        '<body data-sveltekit-preload-data="hover"><div style="display: contents"><script>'
        '{ __sveltekit = {base: ""}; import("./_app/start.js") }</script></div>',
        ShellSign.SCRIPTS_ALONE,
    ),
    "a custom element": (f"<title>x</title><my-app></my-app>{SCRIPT}", ShellSign.SCRIPTS_ALONE),
    "a mount of its own name": (
        f"<body><noscript>Turn on JavaScript.</noscript><div id=x></div><p>© Shop</p>{SCRIPT}",
        ShellSign.NOSCRIPT,
    ),
    "a script in the mount": (
        '<div id="root"><script>window.state = {"a": "a long text that nobody sees as it is"}'
        "</script></div>",
        ShellSign.EMPTY_MOUNT,
    ),
}

READABLE = {
    "short": "<p>Pro costs $99 a month.</p>",
    "short, with statistics": f"<p>Pro costs $99 a month.</p>{SCRIPT}",
    "empty": "",
    "without text or script": "<title>x</title><div id=root></div>",
    "data is no script": '<div id=app></div><script type="application/ld+json">{}</script>',
    "rendered by the server": f'<div id="__next"><h1>Prices</h1><p>Pro: $99 a month, Team: $199 '
    f"a month, Enterprise: ask us.</p></div>{SCRIPT}",
    "an empty widget on a page of text": f"<p>{LONG}</p><div id=app></div>{SCRIPT}",
    "a polite noscript": f"<p>{LONG}</p><noscript>Better with JavaScript.</noscript>{SCRIPT}",
    "a noscript about something else": f"<p>Hello.</p><noscript><img src=/p></noscript>{SCRIPT}",
    "a frame set": '<iframe src="/x"></iframe><p>Short.</p>',
}


@pytest.mark.parametrize("name", SHELLS)
def test_a_shell_is_told_by_its_sign(name: str) -> None:
    html, sign = SHELLS[name]
    assert shell_of(html) == EmptyShell(sign)


@pytest.mark.parametrize("name", READABLE)
def test_a_short_page_is_no_shell(name: str) -> None:
    assert shell_of(READABLE[name]) == Readable()
