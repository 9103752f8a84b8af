// Shows the OpenAPI document of this installation. Swagger UI is loaded before: it is no module.

window.SwaggerUIBundle({
  url: "/openapi.json",
  domNode: document.getElementById("docs"),
  // Links to single operations would be within buttons, which readers of screens do not find.
  deepLinking: false,
  displayRequestDuration: true,
  filter: true,
  // Otherwise a service of another host would be asked whether the document is valid.
  validatorUrl: null,
});
