// Choosing an element by a click. The frame runs no script: this one listens from outside.

const frame = document.getElementById("rendering");

function prepare() {
  const inside = frame?.contentDocument;
  if (!inside || inside.location.href === "about:blank" || inside.readyState !== "complete") return;
  const match = inside.querySelector("[data-match]");
  // Not `scrollIntoView`, which would move the page around the frame too.
  const { top, height } = match?.getBoundingClientRect() ?? { top: 0, height: 0 };
  if (match) inside.documentElement.scrollTop += top - (frame.clientHeight - height) / 2;
  let under;
  inside.addEventListener("mouseover", (event) => {
    under?.removeAttribute("data-under");
    under = event.target.closest("[data-n]");
    under?.setAttribute("data-under", "");
  });
  inside.addEventListener("click", (event) => {
    event.preventDefault();
    const chosen = event.target.closest("[data-n]");
    if (!chosen) return;
    const address = new URL(frame.dataset.select, location.href);
    address.searchParams.set("element", chosen.dataset.n);
    location.assign(address);
  });
  frame.dataset.ready = "";
}

frame?.addEventListener("load", prepare);
prepare();
