// A token that is entered at "Authorize" stays in the page's memory.
SwaggerUIBundle({
  url: new URL("openapi.json", location).pathname,
  dom_id: "#swagger-ui",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  validatorUrl: null,
});
