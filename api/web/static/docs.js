// Shows the OpenAPI document of this installation. Swagger UI is loaded before: it is no module.

const dark = window.matchMedia("(prefers-color-scheme: dark)");

function follow() {
  document.documentElement.classList.toggle("dark-mode", dark.matches);
}

dark.addEventListener("change", follow);
follow();

// For readers of screens: landmarks around what has none, and a heading of the second level between
// that of the first one and those of the third.
const landmark = (kind, attributes) => (Part, { React }) => (given) =>
  React.createElement(kind, attributes, React.createElement(Part, given));

const headed = (Part, { React }) => (given) =>
  React.createElement(
    React.Fragment,
    null,
    React.createElement("h2", { className: "wrapper" }, "Operations"),
    React.createElement(Part, given),
  );

const plugin = {
  wrapComponents: {
    InfoContainer: landmark("section", { "aria-label": "About this API" }),
    FilterContainer: landmark("section", { role: "search", "aria-label": "Operations" }),
    operations: headed,
  },
};

const docs = document.getElementById("docs");

// Long examples are scrolled, also by the keyboard alone.
new MutationObserver(() => {
  for (const each of docs.querySelectorAll("pre:not([tabindex])")) each.tabIndex = 0;
}).observe(docs, { childList: true, subtree: true });

window.SwaggerUIBundle({
  url: "/openapi.json",
  domNode: docs,
  plugins: [plugin],
  // Links to single operations would be within buttons, which readers of screens do not find.
  deepLinking: false,
  displayRequestDuration: true,
  filter: true,
  // Otherwise a service of another host would be asked whether the document is valid.
  validatorUrl: null,
});
