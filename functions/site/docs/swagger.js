// A token that is entered at "Authorize" stays in the page's memory.
SwaggerUIBundle({
  url: new URL("openapi.json", location).pathname,
  dom_id: "#swagger-ui",
  // It would take the code of a problem for an operation of its own.
  deepLinking: !/^#[^/]/.test(location.hash),
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  validatorUrl: null,
});
