// Choosing an element by a click. The frame runs no script: this one listens from outside.

const frame = document.getElementById("rendering");

function prepare() {
  const inside = frame?.contentDocument;
  if (!inside || inside.location.href === "about:blank" || inside.readyState !== "complete") return;
  const match = inside.querySelector("[data-match]");
  if (match) match.scrollIntoView({ block: "center" });
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
