// Keeps the page true: one stream tells what happened, and the parts that show it are loaded again.
// A part says by `data-live` which events concern it, and by `data-domain` and `data-job` whose.

const PAUSE = 700; // milliseconds between two loads of a page whose jobs change all the time
const state = document.getElementById("link-state");
const parts = [...document.querySelectorAll("[data-live]")];
let wanted = false;
let loading = false;
let stream;

function say(name, words) {
  if (state.dataset.state === name) return;
  state.dataset.state = name;
  state.querySelector(".words").textContent = words;
}

function concerns(part, kind, what) {
  const { live, domain, job } = part.dataset;
  if (!live.split(" ").includes(kind)) return false;
  if (job) return what.id === job;
  return !domain || what.domainId === domain;
}

function heard(event) {
  const what = JSON.parse(event.data);
  if (parts.some((part) => concerns(part, event.type, what))) refresh();
}

// Replace what differs only: the focus and what a person has opened or selected stay.
function renew(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || old.id !== fresh.id) {
    old.replaceWith(fresh);
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.nodeValue = fresh.nodeValue;
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  const known = new Map([...old.children].filter((each) => each.id).map((each) => [each.id, each]));
  let place = old.firstChild;
  for (const each of [...fresh.childNodes]) {
    const same = each.id && known.get(each.id);
    if (same && same !== place) old.insertBefore(same, place);
    const current = same || place;
    if (!current || (!same && current.id && known.has(current.id))) {
      old.insertBefore(each, place);
      continue;
    }
    place = current.nextSibling;
    renew(current, each);
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

async function refresh() {
  wanted = true;
  if (loading) return;
  loading = true;
  while (wanted) {
    wanted = false;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.redirected) return location.reload(); // the session has ended
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const part of parts) {
          const other = fresh.getElementById(part.id);
          if (other) renew(part, other);
        }
      }
    } catch {
      wanted = false; // the stream says when the connection is back
    }
    await new Promise((done) => setTimeout(done, PAUSE));
  }
  loading = false;
  await expect();
}

// What will be different soon without an event, as a delivery that is about to be made.
async function expect() {
  if (!document.querySelector("[data-soon]") || document.hidden) return;
  await new Promise((done) => setTimeout(done, PAUSE));
  refresh();
}

// A tab has one stream at most: who asks for one may not know of another that was asked for before.
function listen() {
  stream?.close();
  if (document.hidden) return;
  stream = new EventSource("/live");
  stream.addEventListener("open", () => {
    if (state.dataset.state === "lost") refresh();
    say("on", "Live");
  });
  stream.addEventListener("error", () => {
    say("lost", "Connection lost, trying again");
    if (stream.readyState === EventSource.CLOSED) setTimeout(again, 3000);
  });
  stream.addEventListener("resync", refresh);
  for (const kind of ["job", "change"]) stream.addEventListener(kind, heard);
}

// The browser gives a stream up that was refused: because the session has ended, or for a moment.
async function again() {
  try {
    const answer = await fetch(location.href, { method: "GET" });
    if (answer.redirected) return location.reload();
  } catch {
    // still away
  }
  listen();
}

function distance(moment) {
  const seconds = (moment - Date.now()) / 1000;
  const size = Math.abs(seconds);
  if (size < 45) return size < 5 ? "now" : seconds > 0 ? "in a moment" : "just now";
  let text = "";
  for (const [limit, unit, length] of [[60, "min", 60], [24, "h", 3600], [365, "d", 86400]]) {
    const count = Math.max(Math.round(size / length), 1);
    text = `${count} ${unit}`;
    if (count < limit) break;
  }
  return seconds > 0 ? `in ${text}` : `${text} ago`;
}

function tick() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    const text = distance(moment);
    if (time.textContent !== text) time.textContent = text;
  }
}

setInterval(tick, 10000);
if (parts.length) {
  listen();
  expect();
} else state.hidden = true;
// A hidden tab needs no stream, and a browser has six connections for all its tabs.
document.addEventListener("visibilitychange", () => {
  if (!parts.length) return;
  listen();
  if (!document.hidden) refresh();
});
// A page that is kept for the Back button must not keep its stream.
addEventListener("pagehide", () => stream?.close());
addEventListener("pageshow", (event) => { if (event.persisted && parts.length) listen(); });
