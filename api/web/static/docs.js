// Shows the OpenAPI document of this installation. Swagger UI is loaded before: it is no module.

window.SwaggerUIBundle({
  url: "/openapi.json",
  domNode: document.getElementById("docs"),
  deepLinking: true,
  displayRequestDuration: true,
  filter: true,
  // Otherwise a service of another host would be asked whether the document is valid.
  validatorUrl: null,
});
