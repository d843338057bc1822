// Shows our own description of the API.
async function start() {
  const answer = await fetch("/openapi.json");
  const spec = await answer.json();
  // This Swagger UI reads 3.0 only; what we use of 3.1 is drawn rightly under the older name.
  spec.openapi = "3.0.3";
  window.SwaggerUIBundle({ spec, dom_id: "#swagger-ui", deepLinking: true, docExpansion: "none", validatorUrl: null });
}
start();
